/// What a text file says of page tables: words of physical memory, and where the first table is.
///
/// One statement a line; `#` begins a comment; numbers are hexadecimal, with or without `0x`:
///
/// ```
/// scheme x86_64                     # optional: a scheme's name
/// root 1000                         # CR3, TTBR0 or TTBR1
/// 17f0: 2067                        # physical address: the word there, and more words behind it
/// 2240: 3067 4067
/// gdt 60: 00cf9b000000ffff          # IA-32: the descriptor that a selector names
/// ```
///
/// Words have the size of the scheme's entries. Of a table page of which any word is listed, the others are zero.
public struct TableDump: Sendable {
  public var scheme: TranslationScheme
  /// The value of the base register; `nil` if the file doesn't say.
  public var root: UInt64?
  public var image: MemoryImage
  public var descriptors = DescriptorTable()

  /// Words a file may hold, so that none eats all memory.
  static let wordLimit = 1 << 22

  /// Reads a dump. A `scheme` given here wins over the file's.
  public init(
    parsing text: some Sequence<UInt8>, scheme chosen: TranslationScheme? = nil, half: TranslationScheme.Half = .low
  )
    throws(TableDumpError)
  {
    var reader = TableDumpReader(text)
    try reader.read()
    let named = try reader.scheme(half: half)
    guard let scheme = chosen ?? named else {
      throw TableDumpError(
        line: 0, column: 0, found: "no scheme", expected: "a line such as `scheme x86_64`, or --scheme")
    }
    self.scheme = scheme
    root = reader.root
    image = MemoryImage(wordBytes: scheme.entryBytes, pageBytes: scheme.pageBytes)
    for descriptor in reader.descriptors {
      descriptors[SegmentSelector(descriptor.selector)] = SegmentDescriptor(descriptor.raw)
    }
    try reader.fill(&image, scheme)
  }
}

/// What is wrong with a dump, and where.
public struct TableDumpError: Error, Hashable, Sendable {
  /// Counted from 1; 0 if it is about the whole file.
  public var line: Int
  public var column: Int
  public var found: String
  public var expected: String

  public init(line: Int, column: Int, found: String, expected: String) {
    self.line = line
    self.column = column
    self.found = found
    self.expected = expected
  }
}

extension TableDumpError: CustomStringConvertible {
  public var description: String {
    (line > 0 ? "line \(line), column \(column): " : "") + "\(found); expected \(expected)"
  }
}

/// Reads the statements of a dump; what words mean is decided when the scheme is known.
struct TableDumpReader {
  private struct Word {
    var text: [UInt8]
    var column: Int
  }

  private struct Row {
    var address: UInt64
    var column: Int
    var words: [(value: UInt64, column: Int)]
    var line: Int
  }

  private var bytes: [UInt8]
  private var rows: [Row] = []
  private var wordCount = 0
  private var line = 0
  private var schemeName: (name: String, line: Int, column: Int)?
  var root: UInt64?
  var descriptors: [(selector: UInt16, raw: UInt64)] = []

  init(_ text: some Sequence<UInt8>) { bytes = Array(text) }

  func scheme(half: TranslationScheme.Half) throws(TableDumpError) -> TranslationScheme? {
    guard let schemeName else { return nil }
    if let scheme = TranslationScheme(named: schemeName.name, half: half) { return scheme }
    let names = TranslationScheme.all().map(\.name).joined(separator: ", ")
    throw TableDumpError(
      line: schemeName.line, column: schemeName.column, found: "the scheme `\(schemeName.name)`",
      expected: "one of \(names)")
  }

  mutating func read() throws(TableDumpError) {
    for text in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
      line += 1
      try read(words(text))
    }
  }

  /// The words of a line with their columns; a colon is a word of its own.
  private func words(_ text: ArraySlice<UInt8>) -> [Word] {
    var words: [Word] = []
    var current: Word?
    for (index, byte) in text.enumerated() {
      if byte == 0x23 { break }
      switch byte {
      case 0x20, 0x09, 0x0D:
        if let word = current { words.append(word) }
        current = nil
      case 0x3A:
        if let word = current { words.append(word) }
        current = nil
        words.append(Word(text: [byte], column: index + 1))
      default:
        if current == nil { current = Word(text: [], column: index + 1) }
        current?.text.append(byte)
      }
    }
    if let word = current { words.append(word) }
    return words
  }

  private func shown(_ word: Word?) -> String {
    guard let word else { return "the end of the line" }
    return "`" + String(decoding: word.text.prefix(40), as: UTF8.self) + "`"
  }

  private func number(_ word: Word?, after column: Int, _ expected: String) throws(TableDumpError) -> UInt64 {
    var digits = word?.text[...] ?? []
    if digits.starts(with: [0x30, 0x78]) || digits.starts(with: [0x30, 0x58]) { digits = digits.dropFirst(2) }
    guard !digits.isEmpty, digits.first != 0x2B, digits.first != 0x2D,
      let value = UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
    else {
      throw TableDumpError(line: line, column: word?.column ?? column, found: shown(word), expected: expected)
    }
    return value
  }

  private mutating func read(_ words: [Word]) throws(TableDumpError) {
    guard let first = words.first else { return }
    let end = (words.last.map { $0.column + $0.text.count }) ?? 1
    func word(_ index: Int) -> Word? { index < words.count ? words[index] : nil }
    func requireEnd(_ index: Int) throws(TableDumpError) {
      if let extra = word(index) {
        throw TableDumpError(line: line, column: extra.column, found: shown(extra), expected: "the end of the line")
      }
    }
    func requireColon(_ index: Int) throws(TableDumpError) {
      if word(index)?.text != [0x3A] {
        throw TableDumpError(
          line: line, column: word(index)?.column ?? end, found: shown(word(index)),
          expected: "a colon, as in `17f0: 2067`")
      }
    }
    switch String(decoding: first.text, as: UTF8.self) {
    case "scheme":
      guard let name = word(1) else {
        throw TableDumpError(line: line, column: end, found: shown(nil), expected: "a scheme's name, such as x86_64")
      }
      schemeName = (String(decoding: name.text, as: UTF8.self), line, name.column)
      try requireEnd(2)
    case "root":
      root = try number(word(1), after: end, "the hexadecimal address of the first table")
      try requireEnd(2)
    case "gdt":
      let selector = try number(word(1), after: end, "a hexadecimal selector")
      guard let selector = UInt16(exactly: selector) else {
        throw TableDumpError(
          line: line, column: word(1)?.column ?? end, found: shown(word(1)), expected: "a selector of 16 bits")
      }
      try requireColon(2)
      descriptors.append((selector, try number(word(3), after: end, "a descriptor of 64 bits")))
      try requireEnd(4)
    default:
      let address = try number(
        first, after: end, "`scheme`, `root`, `gdt`, or a hexadecimal physical address as in `17f0: 2067`")
      try requireColon(1)
      var row = Row(address: address, column: first.column, words: [], line: line)
      var index = 2
      repeat {
        row.words.append((try number(word(index), after: end, "a hexadecimal entry"), word(index)?.column ?? end))
        index += 1
      } while index < words.count
      wordCount += row.words.count
      if wordCount > TableDump.wordLimit {
        throw TableDumpError(
          line: line, column: first.column, found: "more than \(TableDump.wordLimit) words",
          expected: "a dump of the tables that matter")
      }
      rows.append(row)
    }
  }

  /// Puts the words into memory.
  func fill(_ image: inout MemoryImage, _ scheme: TranslationScheme) throws(TableDumpError) {
    let size = UInt64(scheme.entryBytes)
    for row in rows {
      if row.address % size != 0 {
        throw TableDumpError(
          line: row.line, column: row.column, found: "the address 0x\(String(row.address, radix: 16))",
          expected: "a multiple of \(size), the size of an entry of \(scheme.name)")
      }
      for (index, word) in row.words.enumerated() {
        if size == 4, word.value >> 32 != 0 {
          throw TableDumpError(
            line: row.line, column: word.column, found: "an entry of more than 32 bits",
            expected: "entries of 4 bytes, as \(scheme.name) has")
        }
        let (address, overflows) = row.address.addingReportingOverflow(UInt64(index) * size)
        if overflows || address >> 52 != 0 {
          throw TableDumpError(
            line: row.line, column: word.column, found: "an address beyond 52 bits", expected: "a physical address")
        }
        if let old = image.set(address, word.value), old != word.value {
          throw TableDumpError(
            line: row.line, column: word.column,
            found: "a second value for 0x\(String(address, radix: 16)), which had 0x\(String(old, radix: 16))",
            expected: "one value for each address")
        }
      }
    }
  }
}
