import Reports

/// Shows on standard error how far a long run is: after the first second, and then a few times a second.
struct ProgressMeter {
  private let sink: (any TextSink)?
  private let columns: Int
  private let pass: (number: Int, count: Int)?
  private let start = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  private var width = 0
  private var batches = 0

  /// A meter that writes to `sink`, on a terminal of `width` columns; without a sink it shows nothing. `pass` says which of
  /// several passes over the input it is of.
  init(_ sink: (any TextSink)?, width: Int? = nil, pass: (number: Int, count: Int)? = nil) {
    self.sink = sink
    columns = width ?? 80
    self.pass = pass
  }

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
    show(
      Self.text(seconds: seconds, events: events, bytes: bytes, fraction: fraction, pass: pass, columns: columns),
      on: sink)
  }

  /// One line: pass, part done, amount, rate, time left of this pass. What doesn't fit is left out.
  static func text(
    seconds: Double, events: UInt64, bytes: UInt64, fraction: Double?, pass: (number: Int, count: Int)?, columns: Int
  ) -> String {
    var parts: [String] = []
    if let pass, pass.count > 1 { parts.append("pass \(pass.number) of \(pass.count)") }
    if let fraction { parts.append(Units.fixed(min(fraction, 1) * 100, places: 0) + " %") }
    parts.append(Units.fixed(Double(events) / seconds / 1e6, places: 1) + " M events/s")
    if let fraction, fraction > 0.01 {
      let left = max(seconds * (1 - min(fraction, 1)) / fraction, 0)
      parts.append(timeLeft(left) + " left")
    }
    parts.append(Units.bytes(bytes))
    parts.append(Units.count(events, "event", "events"))
    var text = ""
    for part in parts where text.count + part.count + 2 < columns { text += (text.isEmpty ? "" : ", ") + part }
    return text
  }

  /// Such as `8 s` or `2 min 5 s`.
  private static func timeLeft(_ seconds: Double) -> String {
    guard seconds < 360_000 else { return "a long time" }
    let whole = Int(seconds.rounded(.up))
    if whole < 60 { return "\(whole) s" }
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole % 3600 / 60) min"
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
