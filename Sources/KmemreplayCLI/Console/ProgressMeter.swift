import Reports

/// Shows on standard error how far a long run is: after the first second, and then a few times a second.
struct ProgressMeter {
  private let sink: (any TextSink)?
  private let start = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  private var width = 0
  private var batches = 0

  /// A meter that writes to `sink`; `nil` shows nothing.
  init(_ sink: (any TextSink)?) { self.sink = sink }

  /// Notes that another batch is done. `fraction` is the part of the input that is done, if its size is known.
  mutating func update(events: UInt64, bytes: UInt64, fraction: Double?) {
    guard let sink else { return }
    batches += 1
    // Asking the time costs more than a batch may.
    if batches % 16 != 0 { return }
    let now = ContinuousClock.now
    guard now - start > .seconds(1), now - lastShown > .milliseconds(200) else { return }
    lastShown = now
    let elapsed = now - start
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    var text = fraction.map { Units.fixed(min($0, 1) * 100, places: 0) + " %, " } ?? ""
    text += Units.bytes(bytes) + ", " + Units.count(events) + " events, "
    text += Units.fixed(Double(events) / seconds / 1e6, places: 1) + " M events/s"
    show(text, on: sink)
  }

  /// Removes the line from the terminal.
  mutating func clear() {
    guard let sink, width > 0 else { return }
    show("", on: sink)
    try? sink.write("\r")
    width = 0
  }

  private mutating func show(_ text: String, on sink: any TextSink) {
    // Spaces instead of an escape sequence, so that any terminal will do.
    let padding = String(repeating: " ", count: max(width - text.count, 0))
    try? sink.write("\r" + text + padding)
    width = text.count
  }
}
