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
    /// Pageblocks that hold pages of several migrate types, by span and by the pageblock's own type as the kernel numbers
    /// it; the last number is of those whose own type is not known.
    public var mixedBlocks: [[UInt64]] = []
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

  /// Who made pageblocks hold pages of several migrate types.
  public struct Mixer: Sendable, Hashable {
    struct Key: Hashable {
      var comm: StringID
      var wanted: UInt8
      var owner: UInt8
      var isFallback: Bool
      var gfp: StringID
      var stack: StackID
    }

    public var task: String
    /// The type that was asked for, and the pageblock's own before that, as the kernel numbers them; the latter is
    /// `PageblockContents.unknownType` if it is not known.
    public var wanted: UInt8
    public var owner: UInt8
    /// Whether there was an event of falling back to the pageblock; if not, its lists had pages of several types before.
    public var isFallback: Bool
    /// The request's gfp flags, as printed; empty if the request was not traced.
    public var flags: String
    /// Who asked the page allocator, if the trace has stack traces.
    public var caller: String
    /// Pageblocks that became mixed, and those of them that still were at the end.
    public var count: UInt64 = 0
    public var stillMixed: UInt64 = 0
    /// When the first one did, in nanoseconds since the first event.
    public var firstNanoseconds: UInt64 = 0
  }

  /// Pageblocks that are mixed at the end: their own type, and whose pages they hold.
  public struct MixedGroup: Sendable, Equatable {
    public var span: Int
    /// By the kernel's number; `PageblockContents.unknownType` if it is not known.
    public var owner: UInt8
    public var pageblocks: UInt64
    /// Pages in use in them, by the kernel's number of the migrate type.
    public var usedPages: [UInt64]
  }

  public var spans: [FreeBlockMap.Span]
  /// Free blocks at the end by span, by the kernel's number of the migrate type (the last of those that is not known), and
  /// by order.
  public var freeBlocksByType: [[[UInt64]]] = []
  /// Largest groups first within a span.
  public var mixed: [MixedGroup] = []
  /// Those that mixed most first.
  public var mixers: [Mixer] = []
  /// How often pageblocks became mixed inside the window, and how many of these times were not undone by its end.
  public var becameMixed: UInt64 = 0
  public var stillMixed: UInt64 = 0
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
  /// Blocks handed out by a fallback that has no other event of leaving the buddy's lists (6.12).
  public var takenByFallback: UInt64 = 0
  /// Events of frames outside all spans.
  public var outside: UInt64 = 0

  init(spans: [FreeBlockMap.Span], orders: Int) {
    self.spans = spans
    availability = Array(repeating: Array(repeating: Availability(), count: orders), count: spans.count)
  }
}
