import KernelTypes
import Testing
import TraceEvents

@Suite struct TimeWindowTests {
  /// The phases of events at the given times, read in batches of `capacity`; time 0 stands for a mark.
  private func phases(
    _ window: TimeWindow, _ times: [UInt64], marks: [Int: String] = [:], capacity: Int = 3,
    clock: TraceContext.Clock = .time
  ) -> String {
    let strings = StringInterner()
    var cursor = TimeWindowCursor(window)
    var text = ""
    var row = 0
    while row < times.count {
      var batch = EventBatch(capacity: capacity)
      while row < times.count, !batch.isFull {
        var event = Event(kind: marks[row] == nil ? .kfree : .mark, time: times[row])
        event.name = strings.intern(marks[row] ?? "")
        batch.append(event)
        row += 1
      }
      for part in cursor.parts(of: batch, strings: strings, clock: clock) {
        let letter = part.phase == .before ? "b" : part.phase == .inside ? "i" : "a"
        text += String(repeating: letter, count: part.rows.count)
      }
    }
    return text
  }

  private func window(_ from: String?, _ to: String?) -> TimeWindow {
    TimeWindow(from: from.flatMap(TimeWindow.Bound.init(parsing:)), to: to.flatMap(TimeWindow.Bound.init(parsing:)))
  }

  private let times: [UInt64] = (1...9).map { $0 * 1_000_000_000 }

  @Test(arguments: 1...10)
  func edgesBelongToTheWindowWhereverBatchesEnd(capacity: Int) {
    #expect(phases(window("3", "5"), times, capacity: capacity) == "bbiiiaaaa")
    #expect(phases(window("2.5", "5.9"), times, capacity: capacity) == "bbiiiaaaa")
    #expect(phases(window("+2", "+4"), times, capacity: capacity) == "bbiiiaaaa")
    #expect(phases(window(nil, nil), times, capacity: capacity) == "iiiiiiiii")
    #expect(phases(window("99", nil), times, capacity: capacity) == "bbbbbbbbb")
    #expect(phases(window(nil, "0.5"), times, capacity: capacity) == "aaaaaaaaa")
    #expect(phases(window("5", "3"), times, capacity: capacity) == "bbbbaaaaa")
  }

  @Test(arguments: 1...10)
  func theFirstMarkerThatHoldsTheTextIsTheEdge(capacity: Int) {
    let marks = [2: "phase one begins", 3: "phase one ends", 6: "phase two"]
    #expect(phases(window("mark:one", "mark:two"), times, marks: marks, capacity: capacity) == "bbiiiiiaa")
    #expect(phases(window("mark:one", "mark:one"), times, marks: marks, capacity: capacity) == "bbiaaaaaa")
    #expect(phases(window("mark:three", nil), times, marks: marks, capacity: capacity) == "bbbbbbbbb")
  }

  @Test func whatIsEarlierButComesLaterStaysInTheWindow() {
    #expect(phases(window("3", nil), [1, 3, 2, 4].map { $0 * 1_000_000_000 }) == "biii")
  }

  @Test func tickClocksCountTicks() {
    #expect(phases(window("20", "30"), [10, 20, 30, 40], clock: .ticks) == "biia")
  }

  @Test func boundsAreReadExactlyOrNotAtAll() {
    #expect(TimeWindow.Bound(parsing: "1.5") == .clock(ClockTime(seconds: 1, nanoseconds: 500_000_000)))
    #expect(TimeWindow.Bound(parsing: "+0.000001") == .sinceFirstEvent(ClockTime(seconds: 0, nanoseconds: 1000)))
    #expect(TimeWindow.Bound(parsing: ".5") == .clock(ClockTime(seconds: 0, nanoseconds: 500_000_000)))
    #expect(TimeWindow.Bound(parsing: "mark:a b") == .mark("a b"))
    for text in ["", "x", "-1", "1.2.3", "mark:", "+", ".", "1e3", "99999999999999999999"] {
      #expect(TimeWindow.Bound(parsing: text) == nil)
    }
  }

  @Test func hugeTimesDoNotOverflow() {
    #expect(phases(window("1", "18446744073709551615"), times) == "iiiiiiiii")
    #expect(phases(window("+18446744073709551615", nil), times) == "bbbbbbbbb")
  }
}
