public import KernelTypes
public import Replay

/// A change to a kernel that might save memory.
public struct AllocationChange: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    /// One more kmalloc size class.
    case kmallocClass(bytes: Int)
    /// A kmem_cache for the objects of one call site (`KMEM_CACHE`), which asked for `bytes` or less.
    case ownCache(callSite: StringID, bytes: Int)
  }

  public var kind: Kind
  /// Bytes of object waste that the change would save by counting alone, without its effect on slabs.
  public var expectedBytes: Int

  public init(kind: Kind, expectedBytes: Int) {
    self.kind = kind
    self.expectedBytes = expectedBytes
  }

  /// The replay of a kernel with the change, otherwise like `setup`.
  public func applied(to setup: ReplaySetup) -> ReplaySetup {
    var setup = setup
    setup.isFollowing = false
    switch kind {
    case .kmallocClass(let bytes): setup.profile.kmalloc.extraSizes.append(bytes)
    case .ownCache(let callSite, let bytes): setup.ownCaches[callSite] = bytes
    }
    return setup
  }
}

/// What a change saves, by replaying the trace with and without it.
public struct SimulatedSaving: Sendable {
  public var change: AllocationChange
  /// What the call site is called, for a cache of its own.
  public var callSite: String?
  /// Bytes of object waste saved at the end.
  public var objectBytes: Int64
  /// Slab pages saved at the end and at the peak; negative when the change costs pages.
  public var endPages: Int64
  public var peakPages: Int64

  /// Compares the outcomes of the replays without and with the change.
  public init(_ change: AllocationChange, callSite: String?, without: ReplayOutcome, with: ReplayOutcome) {
    self.change = change
    self.callSite = callSite
    objectBytes = without.end.modelled.live.wastedBytes - with.end.modelled.live.wastedBytes
    endPages = Int64(without.end.modelled.slabPages) - Int64(with.end.modelled.slabPages)
    peakPages = Int64(without.peakSlabPages) - Int64(with.peakSlabPages)
  }
}

/// The answer of `waste --advise`.
public struct AdviceFindings: Sendable {
  public var pageSize: UInt64
  /// The allocator simulated.
  public var allocator: TracedAllocator.Kind
  /// Slab pages without any change.
  public var endPages: UInt64
  public var peakPages: UInt64
  /// Those that save most pages at the end first; ties by the peak, then by object bytes.
  public var savings: [SimulatedSaving]

  public init(pageSize: UInt64, allocator: TracedAllocator.Kind, without: ReplayOutcome, savings: [SimulatedSaving]) {
    self.pageSize = pageSize
    self.allocator = allocator
    endPages = without.end.modelled.slabPages
    peakPages = without.peakSlabPages
    self.savings = savings.sorted {
      ($1.endPages, $1.peakPages, $1.objectBytes) < ($0.endPages, $0.peakPages, $0.objectBytes)
    }
  }
}
