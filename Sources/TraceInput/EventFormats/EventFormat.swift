/// How one kind of event is laid out and printed, as its `format` file in tracefs says.
///
/// Follows f_show in kernel/trace/trace_events.c: `name:`, `ID:`, `format:` with a line for each field, `print fmt:`.
struct EventFormat {
  /// Texts longer than this are refused: the longest of Linux 6.12 has 12 KiB.
  static let byteLimit = 1 << 20

  var name: String
  /// The number in `common_type` of the event's records.
  var id: Int
  var fields: [EventField]
  /// The format string and its arguments, as the kernel's source has them.
  var printFormat: String

  init(name: String, id: Int, fields: [EventField], printFormat: String = "") {
    self.name = name
    self.id = id
    self.fields = fields
    self.printFormat = printFormat
  }

  /// Reads a format text; `nil` if it has no name or number. Lines that are no field are passed over.
  init?(parsing text: some Collection<UInt8>) {
    guard text.count <= Self.byteLimit else { return nil }
    let bytes = Array(text)
    guard let (name, id) = Self.identity(of: bytes) else { return nil }
    self.init(name: name, id: id, fields: [])
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      let line = bytes[start..<end].drop { $0 <= UInt8(ascii: " ") }
      if line.starts(with: "field".utf8) {
        if let field = EventField(parsing: line) { fields.append(field) }
      } else if line.starts(with: Self.printKey) {
        // Texts may hold line ends within quotes, and nothing comes behind.
        printFormat = String(decoding: bytes[(line.startIndex + Self.printKey.count)...], as: UTF8.self)
        break
      }
      start = end + 1
    }
  }

  private static let printKey = Array("print fmt:".utf8)

  /// The name and the number alone; cheap, because files hold the formats of thousands of events.
  static func identity(of text: some Collection<UInt8>) -> (name: String, id: Int)? {
    var name: String?
    for line in text.prefix(1024).split(separator: UInt8(ascii: "\n"), maxSplits: 8).prefix(8) {
      if line.starts(with: "name:".utf8) {
        name = String(decoding: line.dropFirst(5).filter { $0 > UInt8(ascii: " ") }, as: UTF8.self)
      } else if line.starts(with: "ID:".utf8), let name, !name.isEmpty {
        let digits = String(decoding: line.dropFirst(3).filter { $0 > UInt8(ascii: " ") }, as: UTF8.self)
        if let id = Int(digits), (0...Int(UInt16.max)).contains(id) { return (name, id) }
      }
    }
    return nil
  }

  /// The field of a name, the common ones included.
  func field(_ name: String) -> EventField? { fields.first { $0.name == name } }
}
