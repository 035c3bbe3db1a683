/// What SLOB does differently by version and architecture.
public struct SLOBPolicy: Sendable, Hashable, Codable {
  /// Bytes in front of each kmalloc, which hold its size; kmallocs are aligned to as much.
  public var headerBytes: Int
  /// Bytes of the unit that blocks are measured in.
  public var unitBytes: Int
  /// Whether the address given out is aligned, and naturally for powers of two (not the block with its header): 5.4
  /// and later.
  public var alignsPayload: Bool
  /// Requests below these sizes in bytes are served from the first and the second list of pages, others from the third.
  public var listLimits: [Int]
  /// Bytes that a cache of `SLAB_TYPESAFE_BY_RCU` adds to its objects.
  public var rcuBytes: Int

  /// The defaults of a kernel version. Follows mm/slob.c, Linux 3.5 and 6.1.
  public init(kernel: KernelVersion, architecture: Architecture, pageSize: Int) {
    headerBytes =
      switch architecture {
      case .x86_64, .x86: 8
      case .arm: 64
      case .arm64: 128
      }
    unitBytes = pageSize <= 65534 ? 2 : 4
    alignsPayload = kernel >= KernelVersion(5, 4)
    listLimits = [256, 1024]
    rcuBytes = architecture == .x86_64 || architecture == .arm64 ? 24 : 12
  }
}
