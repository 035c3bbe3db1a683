import KernelTypes
public import MemoryModels
import TraceEvents

/// What a replay of page events found out about free memory.
public struct FragmentationOutcome: Sendable {
  /// Free blocks by span and order at one moment.
  public struct Moment: Sendable, Equatable, TimedMoment {
    /// Nanoseconds since the trace's first event.
    public var atNanoseconds: UInt64
    /// The marker's text, for moments at a trace marker.
    public var text: String
    public var freeBlocks: [[UInt64]]
  }

  /// When blocks of an order could not be had from a span.
  public struct Availability: Sendable, Equatable {
    /// The first moment without a block of this order or above, in nanoseconds since the first event.
    public var firstMissing: UInt64?
    /// How often the last such block went.
    public var times: UInt64 = 0
    /// For how long there was none.
    public var missingNanoseconds: UInt64 = 0
    public var isMissingAtEnd = false
  }

  /// Who broke free blocks of pageblock size or above.
  public struct Breaker: Sendable, Hashable {
    struct Key: Hashable {
      var comm: StringID
      var order: UInt8
      var migrateType: UInt8
      var gfp: StringID
      var stack: StackID
    }

    public var task: String
    /// The order asked for.
    public var order: Int
    /// As the kernel numbers it.
    public var migrateType: Int
    /// The request's gfp flags, as printed; empty if the request was not traced.
    public var flags: String
    /// Who asked the page allocator, if the trace has stack traces.
    public var caller: String
    public var count: UInt64
  }

  /// Requests served from another migrate type's blocks (`mm_page_alloc_extfrag`).
  public struct Steal: Sendable {
    public struct Key: Hashable, Sendable {
      /// As the kernel numbers them.
      public var wanted: UInt8
      public var from: UInt8
      /// The block was smaller than a pageblock: two types now share one.
      public var isFragmenting: Bool
      /// The pageblock now belongs to the type that wanted it.
      public var changesOwnership: Bool
    }

    public var key: Key
    public var count: UInt64
  }

  public var spans: [FreeBlockMap.Span]
  public var end = Moment(atNanoseconds: 0, text: "", freeBlocks: [])
  public var marks: [Moment] = []
  public var omittedMarks: UInt64 = 0
  public var timeline: [Moment] = []
  /// By span and order.
  public var availability: [[Availability]]
  public var breakers: [Breaker] = []
  public var steals: [Steal] = []
  public var brokenPageblocks: UInt64 = 0
  public var allocations: UInt64 = 0
  public var failedAllocations: UInt64 = 0
  public var frees: UInt64 = 0
  /// Blocks that left the buddy allocator, and blocks that per-CPU lists gave back to it.
  public var taken: UInt64 = 0
  public var drained: UInt64 = 0
  /// Blocks that were taken from the buddy allocator although they were not known to be there.
  public var takenWhileInUse: UInt64 = 0
  /// Blocks that came back although they were known to be there.
  public var freedWhileFree: UInt64 = 0
  /// Events of frames outside all spans.
  public var outside: UInt64 = 0

  init(spans: [FreeBlockMap.Span], orders: Int) {
    self.spans = spans
    availability = Array(repeating: Array(repeating: Availability(), count: orders), count: spans.count)
  }
}
