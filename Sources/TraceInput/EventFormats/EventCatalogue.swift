/// What a binary trace says about its records: their formats, the tasks behind pids, the symbols behind addresses.
///
/// Containers fill it from whatever they store; a `RecordDecoder` reads records by it.
struct EventCatalogue: Sendable {
  private struct Entry: Sendable {
    var name: String
    var text: [UInt8]
  }

  var byteOrder = ByteOrder.little
  /// The size of the kernel's `long`, in bytes.
  var longSize = 8
  /// Names of tasks by pid, from `saved_cmdlines` or from the container's own records.
  var tasks: [Int32: String] = [:]
  var symbols: KernelSymbols?
  /// The texts behind the pointers of `bputs` events, from `printk_formats`.
  var printTexts: [UInt64: String] = [:]
  private var formats: [UInt16: Entry] = [:]

  /// How many formats there are.
  var count: Int { formats.count }

  /// Adds the text of a `format` file; `false` if it is none. Of two with the same number the first counts.
  @discardableResult
  mutating func addFormat(_ text: some Collection<UInt8>) -> Bool {
    guard text.count <= EventFormat.byteLimit, let (name, id) = EventFormat.identity(of: text) else { return false }
    let key = UInt16(id)
    if formats[key] == nil { formats[key] = Entry(name: name, text: Array(text)) }
    return true
  }

  /// The name of an event by the number in its records.
  func name(of id: UInt16) -> String? { formats[id]?.name }

  /// The format of an event by the number in its records.
  func format(of id: UInt16) -> EventFormat? { formats[id].flatMap { EventFormat(parsing: $0.text) } }

  /// Adds lines of `saved_cmdlines`: a pid, a space, the name to the end of the line.
  mutating func addTasks(_ text: some Collection<UInt8>) {
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let digits = line.prefix { $0 != UInt8(ascii: " ") }
      guard let pid = Int32(String(decoding: digits, as: UTF8.self)), digits.count < line.count else { continue }
      tasks[pid] = String(decoding: line[digits.endIndex...].dropFirst(), as: UTF8.self)
    }
  }

  /// Adds lines of `printk_formats`: `0xffffffff81990281 : "text"`.
  mutating func addPrintTexts(_ text: some Collection<UInt8>) {
    for line in text.split(separator: UInt8(ascii: "\n")) {
      guard line.starts(with: "0x".utf8), let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let digits = line[..<colon].dropFirst(2).filter { $0 != UInt8(ascii: " ") }
      guard let address = UInt64(String(decoding: digits, as: UTF8.self), radix: 16),
        case .text(let text)? = FormatTokenizer.tokens(
          String(decoding: line[line.index(after: colon)...], as: UTF8.self)
        ).first
      else { continue }
      printTexts[address] = text
    }
  }
}
