/// Why a page frame was not the one predicted.
public enum FrameMiss: String, CaseIterable, Sendable {
  /// The block came from another zone than the model's.
  case otherZone
  /// The block lay deeper in the CPU's list: those before it had been taken by requests the trace doesn't show.
  case takenUnseen
  /// The block lay deeper in the CPU's list, and those before it were still there: an interrupt came in between.
  case otherOrder
  /// The kernel refilled the CPU's list, on which the model still had blocks.
  case kernelRefilled
  /// The model's list was empty, the kernel's was not.
  case modelRefilled
  /// Both took a block from the buddy's lists, and not the same.
  case otherBlock
  /// The block was on another list than the model's.
  case otherList
  /// The block was in use as far as the model knew: it was freed without an event.
  case freedUnseen
  /// The model had no block to give.
  case modelFailed
}

/// How well a model that chooses page frames did.
public struct PageFrameGrades: Sendable, Equatable {
  /// Blocks handed out (`mm_page_alloc`), and those of them that were the predicted ones.
  public var pageFrame = Grade()
  /// Requests that took blocks from the buddy's lists, and those that took exactly the predicted ones in their order.
  public var refill = Grade()
  /// Blocks handed out that are not graded, because the trace itself told where they stood when it began.
  public var toldByTrace: UInt64 = 0
  /// Blocks that CPUs' lists gave back to the buddy's (`mm_page_pcpu_drain`), and the predicted ones.
  public var drain = Grade()
  /// Requests served from another type's memory (`mm_page_alloc_extfrag`), and the predicted ones.
  public var fallback = Grade()
  /// The zone of blocks handed out.
  public var zone = Grade()
  /// Misses of `pageFrame` by kind, in the order of `FrameMiss`.
  public var misses: [UInt64] = Array(repeating: 0, count: FrameMiss.allCases.count)
  /// Blocks the model would have drained and the kernel did not.
  public var drainsUndone: UInt64 = 0
  /// Pages taken by requests without an event, known from the request's own object (`vmalloc`).
  public var bulkPages: UInt64 = 0
  /// Pages found to have been taken without an event: later ones of the list were handed out, or they were freed.
  public var pagesTakenUnseen: UInt64 = 0
  /// Frees that went past the CPU's lists.
  public var directFrees: UInt64 = 0
  /// Frees of the unused ends of exact allocations.
  public var tailFrees: UInt64 = 0
  /// Events of frames in no zone.
  public var outside: UInt64 = 0
  /// Requests that the kernel could not serve, and those of them the model could not serve either.
  public var failure = Grade()

  public init() {}

  public subscript(miss: FrameMiss) -> UInt64 { misses[FrameMiss.allCases.firstIndex(of: miss) ?? 0] }

  /// Whether the model never had to be corrected.
  public var isExact: Bool {
    pageFrame.checked == pageFrame.matched && refill.checked == refill.matched && drain.checked == drain.matched
      && drainsUndone == 0
  }

  mutating func miss(_ kind: FrameMiss) {
    for (index, other) in FrameMiss.allCases.enumerated() where other == kind { misses[index] += 1 }
  }
}
