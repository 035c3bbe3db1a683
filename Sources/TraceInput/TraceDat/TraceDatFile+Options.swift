import TraceEvents

/// The options of a trace.dat file that matter here, by the numbers they have in both versions.
enum TraceDatOption: UInt64 {
  case done = 0
  case cpuStatistics = 2
  case buffer = 3
  case traceClock = 4
  case uname = 5
  case timeOffset = 7
  case cpuCount = 8
  case tscConversion = 14
  case strings = 15
  case headers = 16
  case tracerFormats = 17
  case eventFormats = 18
  case symbols = 19
  case printTexts = 20
  case tasks = 21
  case bufferText = 22
}

/// The content of `trace_clock`.
enum TraceDatClock {
  // The clocks of trace_clocks[] in kernel/trace/trace.c that do not count nanoseconds, and those of architectures.
  private static let tickClocks: Set<String> = ["counter", "uptime", "x86-tsc", "ppc-tb"]

  /// The clock in brackets of `[local] global counter`; the text itself if it is one word.
  static func chosen(in text: String) -> String? {
    if let open = text.firstIndex(of: "["), let close = text[open...].firstIndex(of: "]") {
      return String(text[text.index(after: open)..<close])
    }
    let words = text.split { $0 == " " || $0 == "\n" || $0 == "\0" }
    return words.count == 1 ? words.first.map(String.init) : nil
  }

  /// Whether a clock counts something else than nanoseconds.
  static func isTicks(_ clock: String) -> Bool { tickClocks.contains(clock) }
}

extension TraceDatFile {
  /// Reads an option that is the same in both versions; others are passed over, as trace-cmd does with new ones.
  mutating func readOption(_ id: UInt64, _ data: [UInt8], _ content: TraceDatCursor) {
    var content = content
    let text = String(decoding: data.prefix { $0 != 0 }, as: UTF8.self)
    switch TraceDatOption(rawValue: id) {
    case .cpuStatistics:
      cpuStatistics.append(text)
      countOverruns(text, at: content.place)
    case .traceClock:
      traceClock = TraceDatClock.chosen(in: text) ?? traceClock ?? "local"
    case .uname:
      uname = text
    case .timeOffset:
      // strtoll with any base: decimal or 0x…
      let digits = text.hasPrefix("0x") ? Int64(text.dropFirst(2), radix: 16) : Int64(text)
      if let digits { timeOffset &+= UInt64(bitPattern: digits) }
    case .cpuCount:
      if let count = try? content.number(4), (1...UInt64(UInt16.max)).contains(count) { cpuCount = Int(count) }
    case .tscConversion:
      if let multiplier = try? content.number(4), let shift = try? content.number(4), multiplier > 0, shift < 64 {
        tscConversion = (UInt32(multiplier), UInt32(shift))
      }
    default: break
    }
  }

  // "CPU: 0\nentries: 0\noverrun: 12\n…": what the ring buffer overwrote.
  private mutating func countOverruns(_ text: String, at offset: UInt64) {
    for line in text.split(separator: "\n") where line.hasPrefix("overrun:") || line.hasPrefix("dropped events:") {
      let digits = line.drop { $0 != " " }.dropFirst()
      guard let count = UInt64(digits), count > 0 else { continue }
      let counter = line.hasPrefix("overrun:") ? ImportStatistics.Counter.overwrittenEntries : .lostEvents
      statistics.count(counter, count, at: .byteOffset(offset), text: String(line))
    }
  }
}
