/// How full a cache's slabs are.
public struct SlabOccupancy: Hashable, Sendable {
  public var slabs: Int
  public var pages: Int
  /// Slots in all slabs.
  public var slots: Int
  /// Objects handed out.
  public var liveObjects: Int
  /// Bytes in slots that are not handed out.
  public var freeSlotBytes: Int
  /// Bytes of slabs after their last slot.
  public var paddingBytes: Int
  /// Bytes of slabs that hold the allocator's own data.
  public var managementBytes = 0
  /// The most slabs the cache ever had.
  public var peakSlabs: Int
  /// Slabs taken from the page allocator so far.
  public var growths: Int
  /// Slabs given back so far.
  public var releases: Int
}
