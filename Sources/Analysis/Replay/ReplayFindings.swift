public import KernelTypes
public import Replay

/// The answer of `replay`: what the model of one allocator did with a trace's requests, and how far to trust it.
public struct ReplayFindings: Sendable {
  /// Why the model could not be graded against the trace.
  public enum Ungraded: String, Sendable {
    /// Pointers are hashes or the trace has no page events: objects can't be related to pages.
    case noAddresses
    /// Another allocator made the trace.
    case otherAllocator
    /// The model was asked to run with other options than the traced kernel's.
    case otherOptions
    /// The sizes handed out fit no allocator that is known.
    case unknownAllocator
  }

  /// The allocator that was modelled.
  public var allocator: TracedAllocator.Kind
  /// Settings of the model that differ from the traced kernel's, as the user wrote them: `max-order=0`.
  public var variant: String?
  /// The allocator that made the trace, if its sizes tell.
  public var tracedAllocator: TracedAllocator.Kind?
  /// Why there are no grades, if there are none.
  public var ungraded: Ungraded?
  /// What the model ran with.
  public var profile: KernelProfile
  public var outcome: ReplayOutcome
  /// Whether the model that follows the trace starts from a dump of the allocator's lists.
  public var startsFromDump = false
  /// The slabs of slabinfo before and after, if there are snapshots of both moments.
  public var slabInfo: SlabInfoVerification?

  public init(
    allocator: TracedAllocator.Kind, variant: String? = nil, tracedAllocator: TracedAllocator.Kind?,
    ungraded: Ungraded?,
    profile: KernelProfile, outcome: ReplayOutcome
  ) {
    self.allocator = allocator
    self.variant = variant
    self.tracedAllocator = tracedAllocator
    self.ungraded = ungraded
    self.profile = profile
    self.outcome = outcome
  }

  /// What the allocator is called in JSON, and by options: `slub:max-order=0`.
  public var identifier: String { ([allocator.rawValue] + (variant.map { [$0] } ?? [])).joined(separator: ":") }

  /// What people read: `SLUB max-order=0`.
  public var displayName: String {
    allocator.rawValue.uppercased() + (variant.map { " " + $0.split(separator: ":").joined(separator: " ") } ?? "")
  }

  /// Bytes of the pages that a state's slabs take.
  public func slabBytes(_ figures: SlabFigures) -> UInt64 { figures.slabPages * UInt64(profile.pageSize) }

  /// Bytes that the allocator holds beyond what was asked for; negative only in a damaged trace.
  public func footprintWastedBytes(_ figures: SlabFigures) -> Int64 {
    Int64(bitPattern: slabBytes(figures) &- figures.live.requestedBytes)
  }

  /// The same in percent of what it holds, rounded to two places.
  public func footprintWastedPercent(_ figures: SlabFigures) -> Double {
    let bytes = slabBytes(figures)
    if bytes == 0 { return 0 }
    return (Double(footprintWastedBytes(figures)) / Double(bytes) * 10000).rounded() / 100
  }
}

extension Grade {
  /// Right answers in percent; 100 when nothing was asked.
  public var percent: Double { checked == 0 ? 100 : Double(matched) / Double(checked) * 100 }
}
