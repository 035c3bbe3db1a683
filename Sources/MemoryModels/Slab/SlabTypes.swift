/// One object slot: a slab and the slot's index in it, counted from the slab's first byte.
@frozen
public struct SlabObject: Hashable, Sendable, BitwiseCopyable {
  public var slab: Int32
  public var index: UInt16

  @inlinable
  public init(slab: Int32, index: UInt16) {
    self.slab = slab
    self.index = index
  }

  /// No object.
  public static let none = SlabObject(slab: -1, index: 0)
}

/// What an allocator answers to a request.
@frozen
public enum AllocationOutcome: Hashable, Sendable {
  /// The object handed out.
  case object(SlabObject)
  /// There is no free object: the driver must provide a block of 2^`order` pages and call `addSlab`.
  case needsSlab(order: Int)
}

/// A slab that an allocator has given back to the page allocator.
public struct ReleasedSlab: Hashable, Sendable {
  /// The address of its first byte.
  public var base: UInt64
  public var order: Int
  /// The index of the cache it belonged to.
  public var cache: Int
}
