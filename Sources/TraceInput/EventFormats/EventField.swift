/// Where one value of a trace event lies in the event's record.
struct EventField: Equatable {
  /// How the bytes at `offset` lead to the value.
  enum Storage: Equatable {
    /// The value itself.
    case inline
    /// A 32-bit word: offset from the record's start in the lower half, length in the upper half (`__data_loc`).
    case dataLocation
    /// The same with the offset counted from the end of the word (`__rel_loc`).
    case relativeLocation
  }

  /// The largest offset or size that is believed: ring-buffer records are smaller than their page.
  static let byteLimit = 1 << 16

  var name: String
  /// The type as the kernel spells it, without the name: `unsigned long`, `char[]`.
  var type: String
  /// Bytes from the start of the record, which begins with `common_type`.
  var offset: Int
  var size: Int
  var isSigned: Bool
  var storage: Storage = .inline
  /// Whether the value is an array (or a text), not a number.
  var isArray = false

  var end: Int { offset + size }
}

extension EventField {
  /// Reads a line such as `field:unsigned long call_site; offset:8; size:8; signed:0;`; `nil` if it is none.
  init?(parsing line: some Collection<UInt8>) {
    var declaration: String?
    var numbers: [String: Int] = [:]
    for part in line.split(separator: UInt8(ascii: ";")) {
      let text = part.drop { $0 <= UInt8(ascii: " ") }
      guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let key = String(decoding: text[..<colon], as: UTF8.self)
      let value = text[text.index(after: colon)...]
      if key == "field" || key == "field special" {
        declaration = String(decoding: value, as: UTF8.self)
      } else {
        numbers[key] = Int(String(decoding: value.filter { $0 > UInt8(ascii: " ") }, as: UTF8.self))
      }
    }
    guard let declaration, let offset = numbers["offset"], let size = numbers["size"],
      (0..<Self.byteLimit).contains(offset), (0..<Self.byteLimit).contains(size)
    else { return nil }
    // Kernels before 2.6.33 don't say `signed`; the type tells as much as is needed.
    let isSigned =
      numbers["signed"].map { $0 != 0 } ?? (declaration.hasPrefix("int ") || declaration.hasPrefix("long "))
    self.init(declaration: declaration, offset: offset, size: size, isSigned: isSigned)
  }

  private init?(declaration: String, offset: Int, size: Int, isSigned: Bool) {
    var words = declaration.split { $0 == " " || $0 == "\t" }.map(String.init)
    var storage = Storage.inline
    if words.first == "__data_loc" { storage = .dataLocation }
    if words.first == "__rel_loc" { storage = .relativeLocation }
    if storage != .inline { words.removeFirst() }
    guard words.count >= 2, var name = words.popLast() else { return nil }
    var type = words.joined(separator: " ")
    if let bracket = name.firstIndex(of: "[") {
      type += name[bracket...]
      name = String(name[..<bracket])
    }
    while name.hasPrefix("*") {
      type += " *"
      name.removeFirst()
    }
    self.init(
      name: name, type: type, offset: offset, size: size, isSigned: isSigned, storage: storage,
      isArray: storage != .inline || type.contains("["))
  }
}
