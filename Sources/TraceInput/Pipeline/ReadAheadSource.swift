import KernelTypes
import TraceEvents

/// Reads another source on a thread of its own, some batches ahead: decoding and analysing share the work of two
/// processors.
///
/// The events, their order, the counts and the errors are the same as without it; only identifiers are other ones.
final class ReadAheadSource: TraceSource {
  let strings = StringInterner()
  let stacks = StackTable()
  let summary: InputSummary
  private let ring: BatchRing
  private let thread: BackgroundThread
  private var map = IdentifierMap()
  private var latest: BatchRing.State
  // How much of the portion in front was handed out; batches of another capacity take it in parts.
  private var row = 0

  /// Takes `source` over, which nobody may have read from. `nil` if no thread can be started: then it is as it was.
  init?(_ source: any TraceSource) {
    summary = source.summary
    latest = BatchRing.State(source)
    ring = BatchRing(source)
    guard let thread = BackgroundThread(ring) else { return nil }
    self.thread = thread
  }

  deinit {
    ring.stop()
    thread.join()
  }

  var progress: InputProgress { latest.progress }
  var context: TraceContext { latest.context }

  var statistics: ImportStatistics {
    var statistics = latest.statistics
    statistics.otherEvents = latest.otherEvents
    return statistics
  }

  /// Fills `batch` with the next events; see `EventSource.read(into:)`. Throws what the source throws.
  func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    batch.removeAll()
    let portion = ring.first()
    if row == 0 { receive(portion) }
    if portion.isLast {
      if let error = portion.error {
        portion.error = nil
        throw error
      }
      return false
    }
    let count = portion.count
    if row == 0, batch.capacity == portion.capacity {
      portion.exchange(&batch)
    } else {
      let end = min(count, row + batch.capacity)
      portion.copy(row..<end, into: &batch)
      row = end
      if end < count { return true }
    }
    row = 0
    ring.giveBack()
    return true
  }

  private func receive(_ portion: BatchRing.Portion) {
    map.append(portion.news)
    portion.news = DistinctTexts(strings: [], stacks: [])
    portion.translate(&map, strings, stacks)
    latest = portion.state
    // Few names, and most batches have the same ones: their identifiers are known after the first.
    latest.otherEvents = [:]
    for (name, count) in portion.state.statistics.otherEvents {
      latest.otherEvents[map.string(name, strings), default: 0] += count
    }
  }
}

/// The batches between the thread that fills them and the one that empties them, in order.
private final class BatchRing: BackgroundWork {
  /// What a source says about itself behind a batch.
  struct State {
    var progress: InputProgress
    var context: TraceContext
    var statistics: ImportStatistics
    /// The other events by the identifiers of the one who reads.
    var otherEvents: [StringID: UInt64] = [:]

    init(_ source: any TraceSource) {
      progress = source.progress
      context = source.context
      statistics = source.statistics
    }
  }

  /// A batch on its way, with what its identifiers mean.
  final class Portion {
    private var batch = EventBatch()
    var news = DistinctTexts(strings: [], stacks: [])
    var state: State
    var isLast = false
    var error: TraceError?

    init(_ state: State) { self.state = state }

    var count: Int { batch.count }
    var capacity: Int { batch.capacity }

    func fill(from source: any TraceSource) {
      do throws(TraceError) {
        isLast = try !source.read(into: &batch)
      } catch {
        self.error = error
        isLast = true
      }
    }

    func translate(_ map: inout IdentifierMap, _ strings: StringInterner, _ stacks: StackTable) {
      map.translate(batch, 0..<batch.count, strings)
      map.translateStacks(batch, 0..<batch.count, stacks, strings)
    }

    func exchange(_ other: inout EventBatch) { swap(&batch, &other) }

    func copy(_ rows: Range<Int>, into other: inout EventBatch) { other.append(rows: rows, of: batch) }
  }

  /// Batches in flight: enough that neither thread waits for the other at each one.
  private static let depth = 8

  private let source: any TraceSource
  private let portions: [Portion]
  private var taken = 0
  private var filled = 0
  private var isStopped = false
  private var isFinished = false
  private var stringsKnown = 1
  private var stacksKnown = 1
  private let monitor = Monitor()

  init(_ source: any TraceSource) {
    self.source = source
    portions = (0..<Self.depth).map { _ in Portion(State(source)) }
  }

  /// The filling thread's work: until the end, an error, or `stop()`.
  func work() {
    while let portion = waitForRoom() {
      portion.fill(from: source)
      portion.news = DistinctTexts(source.strings, source.stacks, beyondStrings: stringsKnown, stacks: stacksKnown)
      stringsKnown += portion.news.strings.count
      stacksKnown += portion.news.stacks.count
      portion.state = State(source)
      let isLast = portion.isLast
      monitor.locked {
        filled += 1
        isFinished = isLast
        // The other thread sleeps only if it found nothing; it is woken once there is something worth it.
        if isLast || filled - taken == Self.depth / 2 { monitor.signal() }
      }
      if isLast { return }
    }
  }

  private func waitForRoom() -> Portion? {
    monitor.locked {
      if filled - taken == Self.depth {
        while filled - taken > Self.depth / 2, !isStopped { monitor.wait() }
      }
      return isStopped ? nil : portions[filled % Self.depth]
    }
  }

  /// The next portion, which stays the caller's until `giveBack()`; the last one again and again.
  func first() -> Portion {
    monitor.locked {
      if filled == taken {
        while filled - taken < Self.depth / 2, !isFinished { monitor.wait() }
      }
      return portions[taken % Self.depth]
    }
  }

  func giveBack() {
    monitor.locked {
      taken += 1
      if filled - taken == Self.depth / 2 { monitor.signal() }
    }
  }

  func stop() {
    monitor.locked {
      isStopped = true
      monitor.signal()
    }
  }
}
