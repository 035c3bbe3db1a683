/// A text file of the kernel, line by line, with the book of what could not be used.
struct KernelText {
  private let content: FileContent
  private var position = 0
  private var lineNumber = 0
  private var damage = FileDamage()

  /// Throws if there is nothing to read, or bytes that no text file of the kernel has.
  init(_ content: FileContent) throws(SnapshotError) {
    self.content = content
    if content.bytes.isEmpty {
      throw SnapshotError(
        .empty, file: content.name, found: "an empty file",
        remedy: "Copy it again with `cat`, as root: files of /proc look empty to tools that ask for their size first.")
    }
    if let index = content.bytes.firstIndex(of: 0) {
      throw SnapshotError(
        .wrongKind, file: content.name, line: content.bytes[..<index].count { $0 == 0x0A } + 1,
        found: "a zero byte", expected: "text", remedy: "Copy the file again with `cat`.")
    }
  }

  /// The next line without its newline; `nil` at the end.
  ///
  /// A last line without a newline is left out, because its last number may be cut in two, unless a blank ends it.
  mutating func line() -> FieldCursor? {
    guard let next = rawLine() else { return nil }
    if next.isTerminated || next.last == 0x20 { return next }
    damage.isCutShort = true
    leaveOut(next, expected: "a whole line that ends with a newline")
    return nil
  }

  /// The next line, whole or not.
  mutating func rawLine() -> FieldCursor? {
    let bytes = content.bytes
    guard position < bytes.count else { return nil }
    let end = bytes[position...].firstIndex(of: 0x0A) ?? bytes.count
    lineNumber += 1
    defer { position = min(end + 1, bytes.count) }
    return FieldCursor(bytes, position..<end, lineNumber: lineNumber, isTerminated: end < bytes.count)
  }

  /// The line that `line()` would return next, which stays.
  func peek() -> FieldCursor? {
    var copy = self
    return copy.rawLine()
  }

  mutating func markCutShort() { damage.isCutShort = true }

  /// Counts a line that can't be used.
  mutating func leaveOut(_ line: FieldCursor, expected: String) {
    damage.linesLeftOut += 1
    if !line.isTerminated { damage.isCutShort = true }
    if damage.samples.count < FileDamage.sampleLimit {
      let shown = String(decoding: line.line.prefix(80), as: UTF8.self)
      damage.samples.append(.init(line: line.lineNumber, found: shown, expected: expected))
    }
  }

  /// Reads all lines as rows of one kind.
  mutating func rows<Row>(
    _ expected: String, atLeast minimum: Int = 1, _ parse: (inout FieldCursor) -> Row?
  ) throws(SnapshotError) -> [Row] {
    var rows: [Row] = []
    while var cursor = line() {
      if let row = parse(&cursor), cursor.isAtEnd {
        rows.append(row)
      } else {
        leaveOut(cursor, expected: expected)
      }
    }
    try require(rows.count, atLeast: minimum, of: expected)
    return rows
  }

  /// Throws if so few lines made sense that the file must be of another kind.
  func require(_ good: Int, atLeast minimum: Int = 1, of expected: String) throws(SnapshotError) {
    if good >= minimum, good >= damage.linesLeftOut { return }
    let sample = damage.samples.first
    throw SnapshotError(
      .wrongKind, file: content.name, line: sample?.line,
      found: sample.map { "`\($0.found)`" } ?? "no such line", expected: "lines such as `\(expected)`",
      remedy: "Check that the file is what its name says.")
  }

  /// The error of a line that has to be there.
  func wrongKind(_ line: FieldCursor?, expected: String, remedy: String? = nil) -> SnapshotError {
    SnapshotError(
      .wrongKind, file: content.name, line: line?.lineNumber,
      found: line.map { "`\(String(decoding: $0.line.prefix(80), as: UTF8.self))`" } ?? "the end of the file",
      expected: expected, remedy: remedy ?? "Check that the file is what its name says.")
  }

  /// What was left out.
  var damageSoFar: FileDamage { damage }
}
