/// What did not fit when frees were matched with allocations; none of it changes a total silently.
public struct PairingCounts: Sendable, Equatable {
  /// Frees of objects whose allocation was not seen.
  public var freesOfUnseen: UInt64 = 0
  /// Frees of NULL, which the kernel traces and ignores.
  public var freesOfNull: UInt64 = 0
  /// Frees of `ZERO_SIZE_PTR` (0x10), what kmalloc(0) returns.
  public var freesOfZeroSize: UInt64 = 0
  /// Allocations that returned `ZERO_SIZE_PTR`.
  public var zeroSizeAllocations: UInt64 = 0
  /// Allocations at an address that was live: the free between was not seen, and the old object counts as gone.
  public var allocationsOfLive: UInt64 = 0
  /// Allocations that returned NULL.
  public var failedAllocations: UInt64 = 0
  /// Allocations whose pointer was printed as a placeholder: they count in the total and are never live.
  public var unpairedAllocations: UInt64 = 0
  /// Frees whose pointer was printed as a placeholder.
  public var unpairedFrees: UInt64 = 0
  /// Allocations that claim 4 GiB or more, which no kernel hands out: they count nowhere else.
  public var implausibleSizes: UInt64 = 0

  public init() {}
}
