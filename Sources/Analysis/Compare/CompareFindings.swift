public import KernelTypes
public import Replay

/// The answer of `compare`: what several allocators did with the same requests.
public struct CompareFindings: Sendable {
  /// In the order asked for.
  public var allocators: [ReplayFindings]

  public init(allocators: [ReplayFindings]) { self.allocators = allocators }

  /// The allocator that made the trace, or the first one.
  private var reference: ReplayFindings? {
    allocators.first { $0.allocator == $0.tracedAllocator && $0.variant == nil } ?? allocators.first
  }

  /// All requests, with the sizes that the trace's own allocator gives them if it is among those compared.
  public var requests: Amount { reference?.outcome.requests ?? Amount() }

  /// Who made the trace, if its sizes tell.
  public var tracedAllocator: TracedAllocator.Kind? { allocators.first?.tracedAllocator }

  /// The one that wastes least at the end; the first of equals.
  public var best: ReplayFindings? {
    allocators.min {
      $0.footprintWastedBytes($0.outcome.end.modelled) < $1.footprintWastedBytes($1.outcome.end.modelled)
    }
  }
}
