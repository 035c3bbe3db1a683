public import KernelTypes
public import MemoryModels
public import TraceEvents

/// Replays a trace's page events onto physical memory, with page frames as the trace has them.
///
/// Pages leave the buddy allocator with `mm_page_alloc_zone_locked` and come back with `mm_page_pcpu_drain`, or with
/// `mm_page_free` for blocks too large for the per-CPU lists. Between the two they are on a per-CPU list or in use, which
/// makes no difference to free blocks. What the trace doesn't show (frees straight to the buddy from interrupts,
/// compaction's silent isolation) is found out late and counted.
///
/// Free blocks are told apart by the migrate type whose list they are on, as removals, fallbacks and drains say, and
/// pageblocks that hold pages of several types are followed.
public struct FragmentationReplay: ~Copyable {
  let policy: PageAllocatorPolicy
  let strings: StringInterner
  private let stacks: StackTable
  public internal(set) var map: FreeBlockMap
  public internal(set) var outcome: FragmentationOutcome
  // Which pages are in use for which type, by pageblock.
  var contents: PageblockContents
  // By span and the pageblock's own type.
  var mixedBlocks: [[UInt64]]
  var mixers: [FragmentationOutcome.Mixer.Key: MixCount] = [:]
  var mixedBy: [UInt64: FragmentationOutcome.Mixer.Key] = [:]
  // Pageblocks mixed on each CPU for a request that its next mm_page_alloc tells more about.
  var pendingMixes: [[PendingMix]] = []
  private var firstTime: UInt64?
  private var lastTime: UInt64 = 0
  private var timeline = EvenMoments<FragmentationOutcome.Moment>()
  // The largest order free in each span, and since when each larger one has been missing.
  private var largest: [Int]
  private var missingSince: [[UInt64?]]
  private var breakers: [FragmentationOutcome.Breaker.Key: UInt64] = [:]
  // Blocks broken on each CPU for a request that its next mm_page_alloc tells more about.
  private var pendingBreaks: [[FragmentationOutcome.Breaker.Key]] = []
  private var steals: [FragmentationOutcome.Steal.Key: UInt64] = [:]

  private static let markLimit = 10_000
  private static let breakerLimit = 65_536

  /// Prepares a replay on memory whose spans and free blocks at the start are those of `map`; `pageblockTypes` are the own
  /// types of pageblocks at the start, by their number and the kernel's number of the type, as far as they are known.
  public init(
    map: consuming FreeBlockMap, pageblockTypes: [UInt64: UInt8] = [:], policy: PageAllocatorPolicy,
    strings: StringInterner, stacks: StackTable
  ) {
    self.policy = policy
    self.strings = strings
    self.stacks = stacks
    let spans = map.spans
    var contents = PageblockContents(pageblockOrder: policy.pageblockOrder)
    for (number, type) in pageblockTypes { contents.setOwner(number, type) }
    contents.recordsTurns = true
    self.contents = contents
    mixedBlocks = Array(
      repeating: Array(repeating: 0, count: PageblockContents.typeCount + 1), count: spans.count)
    outcome = FragmentationOutcome(spans: spans, orders: map.maximumOrder + 1)
    largest = map.freeBlocks.map { counts in counts.lastIndex { $0 > 0 } ?? -1 }
    let start = largest
    missingSince = spans.indices.map { span in
      (0..<map.freeBlocks[span].count).map { $0 > start[span] ? 0 : nil }
    }
    for span in spans.indices {
      for order in 0..<outcome.availability[span].count where order > start[span] {
        outcome.availability[span][order].firstMissing = 0
        outcome.availability[span][order].times = 1
      }
    }
    self.map = map
  }

  /// Whether blocks of an order are kept on per-CPU lists when they are freed.
  @inline(__always)
  private func isPerCPU(_ order: Int) -> Bool {
    order <= policy.perCPUMaximumOrder || (policy.perCPUPageblockLists > 0 && order == policy.pageblockOrder)
  }

  /// Replays the rows of a batch that lie before or inside the window.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    for row in rows {
      let time = batch.time[row]
      if firstTime == nil { firstTime = time }
      lastTime = max(lastTime, time)
      let frame = batch.address[row]
      let order = Int(batch.order[row])
      switch batch.kind[row] {
      case .mmPageAllocZoneLocked:
        take(batch, row, frame, order, isInside)
      case .mmPagePCPUDrain:
        outcome.drained &+= 1
        give(frame, order, time, type: batch.migrateType[row])
      case .mmPageFree, .mmPageFreeDirect:
        outcome.frees &+= 1
        contents.set(frame, order: order, type: nil)
        noteTurns(batch, row, isInside, isSettled: true)
        if !isPerCPU(order) { give(frame, order, time, type: contents.owner(frame >> UInt64(policy.pageblockOrder))) }
      case .mmPageAlloc:
        let cpu = Int(batch.cpu[row])
        if cpu < pendingMixes.count, !pendingMixes[cpu].isEmpty {
          settleMixes(cpu, gfp: batch.gfp[row], stack: batch.stack[row])
        }
        if batch.flags[row].contains(.failed) {
          outcome.failedAllocations &+= 1
        } else {
          outcome.allocations &+= 1
          contents.set(frame, order: order, type: Int(batch.migrateType[row]))
          noteTurns(batch, row, isInside, isSettled: true)
        }
        if cpu < pendingBreaks.count, !pendingBreaks[cpu].isEmpty {
          settleBreaks(cpu, gfp: batch.gfp[row], stack: batch.stack[row])
        }
      case .mmPageAllocExtfrag:
        if isInside { steal(batch, row) }
        fallBack(batch, row, isInside)
      case .mark:
        if isInside { mark(batch, row) }
      default: break
      }
    }
    if isInside, !rows.isEmpty, timeline.isDue(elapsed(lastTime)) { timeline.add(moment(lastTime, "")) }
  }

  private mutating func take(_ batch: borrowing EventBatch, _ row: Int, _ frame: UInt64, _ order: Int, _ isInside: Bool)
  {
    if order > map.maximumOrder { return }
    outcome.taken &+= 1
    guard let span = map.span(of: frame) else {
      outcome.outside &+= 1
      return
    }
    // What is left of the block stays on the list that it was taken from, which is the wanted type's.
    let from = map.remove(frame, order: order, type: batch.migrateType[row] & 7)
    if from < 0 {
      outcome.takenWhileInUse &+= 1
      return
    }
    if isInside, from >= policy.pageblockOrder, order < policy.pageblockOrder {
      outcome.brokenPageblocks &+= 1
      let cpu = Int(batch.cpu[row])
      while pendingBreaks.count <= cpu { pendingBreaks.append([]) }
      pendingBreaks[cpu].append(
        FragmentationOutcome.Breaker.Key(
          comm: batch.comm[row], order: UInt8(order), migrateType: batch.migrateType[row], gfp: .none, stack: .none))
      // A refill breaks a few blocks at most; more means that the request itself was not traced.
      if pendingBreaks[cpu].count > 64 { settleBreaks(cpu, gfp: .none, stack: .none) }
    }
    noteLargest(span, batch.time[row])
  }

  /// The request that blocks were broken for is known: `mm_page_alloc` comes after the buddy's events.
  private mutating func settleBreaks(_ cpu: Int, gfp: StringID, stack: StackID) {
    for var key in pendingBreaks[cpu] {
      key.gfp = gfp
      key.stack = stack
      if breakers.count < Self.breakerLimit || breakers[key] != nil { breakers[key, default: 0] += 1 }
    }
    pendingBreaks[cpu].removeAll(keepingCapacity: true)
  }

  private mutating func give(_ frame: UInt64, _ order: Int, _ time: UInt64, type: UInt8) {
    if order > map.maximumOrder { return }
    guard let span = map.span(of: frame) else {
      outcome.outside &+= 1
      return
    }
    if map.insert(frame, order: order, type: type & 7) > 0 { outcome.freedWhileFree &+= 1 }
    noteLargest(span, time)
  }

  @inline(__always)
  private mutating func noteLargest(_ span: Int, _ time: UInt64) {
    var order = map.maximumOrder
    while order >= 0, map.freeBlocks[span][order] == 0 { order -= 1 }
    if order != largest[span] { changeLargest(span, order, elapsed(time)) }
  }

  private mutating func changeLargest(_ span: Int, _ order: Int, _ time: UInt64) {
    if order < largest[span] {
      for missing in (order + 1)...largest[span] {
        missingSince[span][missing] = time
        outcome.availability[span][missing].times += 1
        if outcome.availability[span][missing].firstMissing == nil {
          outcome.availability[span][missing].firstMissing = time
        }
      }
    } else {
      for back in (largest[span] + 1)...order {
        if let since = missingSince[span][back] {
          outcome.availability[span][back].missingNanoseconds += time - min(since, time)
        }
        missingSince[span][back] = nil
      }
    }
    largest[span] = order
  }

  private mutating func steal(_ batch: borrowing EventBatch, _ row: Int) {
    let event = batch[row]
    let key = FragmentationOutcome.Steal.Key(
      wanted: event.migrateType, from: UInt8(truncatingIfNeeded: event.allocatedBytes),
      isFragmenting: event.flags.contains(.fragmenting), changesOwnership: event.flags.contains(.changeOwnership))
    steals[key, default: 0] += 1
  }

  private mutating func mark(_ batch: borrowing EventBatch, _ row: Int) {
    if outcome.marks.count < Self.markLimit {
      outcome.marks.append(moment(batch.time[row], strings.string(batch.name[row])))
    } else {
      outcome.omittedMarks += 1
    }
  }

  func elapsed(_ time: UInt64) -> UInt64 {
    let first = firstTime ?? time
    return time > first ? time - first : 0
  }

  private func moment(_ time: UInt64, _ text: String) -> FragmentationOutcome.Moment {
    FragmentationOutcome.Moment(
      atNanoseconds: elapsed(time), text: text, freeBlocks: map.freeBlocks, mixedBlocks: mixedBlocks)
  }

  /// The findings after the last event of the window.
  public mutating func finish() -> FragmentationOutcome {
    let end = elapsed(lastTime)
    for span in missingSince.indices {
      for order in missingSince[span].indices {
        if let since = missingSince[span][order] {
          outcome.availability[span][order].missingNanoseconds += end - min(since, end)
          outcome.availability[span][order].isMissingAtEnd = true
        }
      }
    }
    outcome.end = moment(lastTime, "")
    outcome.timeline = timeline.moments
    finishTypes()
    for cpu in pendingBreaks.indices { settleBreaks(cpu, gfp: .none, stack: .none) }
    outcome.breakers = namedBreakers()
    outcome.steals = steals.map { FragmentationOutcome.Steal(key: $0, count: $1) }.sorted {
      ($1.count, $0.key.wanted, $0.key.from) < ($0.count, $1.key.wanted, $1.key.from)
    }
    return outcome
  }

  private func namedBreakers() -> [FragmentationOutcome.Breaker] {
    // Different stacks may lead to the same caller.
    var merged: [FragmentationOutcome.Breaker: UInt64] = [:]
    for (key, count) in breakers {
      let breaker = FragmentationOutcome.Breaker(
        task: strings.string(key.comm), order: Int(key.order), migrateType: Int(key.migrateType),
        flags: strings.string(key.gfp), caller: caller(key.stack), count: 0)
      merged[breaker, default: 0] += count
    }
    return merged.map { breaker, count in
      var breaker = breaker
      breaker.count = count
      return breaker
    }
    .sorted {
      ($1.count, $0.task, $0.order, $0.migrateType, $0.flags, $0.caller)
        < ($0.count, $1.task, $1.order, $1.migrateType, $1.flags, $1.caller)
    }
  }

  /// The first function on a stack that is not the page allocator's own.
  func caller(_ stack: StackID) -> String {
    let own = [
      "trace_event_raw_event", "__alloc_pages", "alloc_pages", "__folio_alloc", "folio_alloc", "get_page_from_freelist",
      "rmqueue", "__rmqueue", "get_free_pages", "__get_free_pages", "get_zeroed_page", "vma_alloc_folio",
    ]
    for frame in stacks[stack] {
      let text = strings.string(frame)
      if !own.contains(where: { text.hasPrefix($0) }) { return String(text.prefix { $0 != "+" }) }
    }
    return ""
  }
}
