public import KernelTypes

/// What an allocator holds at one moment.
public struct SlabFigures: Sendable, Hashable {
  /// Pages in slabs and, where the kernel counts them so, in large kmallocs.
  public var slabPages: UInt64 = 0
  /// Objects handed out and not yet given back whose allocation the replay saw.
  public var live = Amount()
  /// Bytes in free slots of slabs.
  public var freeSlotBytes: UInt64 = 0
  /// Bytes of slabs after their last slot.
  public var paddingBytes: UInt64 = 0
  /// Bytes of the allocator's own data inside slab pages.
  public var managementBytes: UInt64 = 0
}

/// The state of a replay at one moment of the trace.
public struct ReplayMoment: Sendable, Hashable {
  /// Nanoseconds since the trace's first event.
  public var atNanoseconds: UInt64
  /// The marker's text, for moments at a trace marker.
  public var text: String
  public var modelled: SlabFigures
  /// The change in slab pages since the trace's first event, large kmallocs included, as the model predicts it when it
  /// follows the trace, and as the trace shows it.
  public var followed: FollowedPages?
  /// The same change by the model left alone since then, which started with the slabs that the trace shows to have had room.
  public var alone: Int64?
  /// Slab pages that the trace shows as held: taken for slabs or large kmallocs in the trace and not yet given back.
  public var observedSlabPages: UInt64?
  /// Free pages of the modelled machine.
  public var freePages: UInt64
}

/// Slab pages predicted and observed side by side, as changes since the trace's first event.
public struct FollowedPages: Sendable, Hashable {
  public var predicted: Int64
  public var observed: Int64
}
