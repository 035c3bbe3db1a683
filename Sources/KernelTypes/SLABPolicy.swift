/// What SLAB does differently by version, configuration and boot option.
public struct SLABPolicy: Sendable, Hashable, Codable {
  /// Where a slab's list of free objects is kept and what it takes.
  public enum Management: String, Sendable, Codable {
    /// `struct slab` and four bytes an object, in front of the objects or apart from them: up to 4.5.
    case slabHeader
    /// An index array in a free object, behind the objects, or apart from them: 4.6 and later.
    case indexArray
  }

  public var management: Management
  /// The largest order used to waste less (`slab_max_order`): 1 with more than 32 MiB of memory.
  public var maximumOrder: Int
  /// Bytes of `struct slab` where there is one.
  public var headerBytes: Int
  /// How much larger than a batch the node's shared array is (`shared`): none with one possible CPU.
  public var sharedFactor: Int
  /// Whether a cache's colour goes up before (not after) a slab takes it.
  public var coloursBeforeUse: Bool
  /// Nanoseconds between two passes of the reaper over a CPU's arrays.
  public var reapInterval: UInt64
  /// Nanoseconds between two passes over a cache's shared array and free slabs.
  public var nodeReapInterval: UInt64

  /// The defaults of a kernel version. Follows mm/slab.c, Linux 3.5 and 6.1.
  public init(kernel: KernelVersion, architecture: Architecture) {
    let isNew = kernel >= KernelVersion(4, 6)
    management = isNew ? .indexArray : .slabHeader
    maximumOrder = 1
    headerBytes = architecture == .x86_64 || architecture == .arm64 ? 48 : 28
    sharedFactor = 8
    coloursBeforeUse = isNew
    reapInterval = 2_000_000_000
    nodeReapInterval = 4_000_000_000
  }
}
