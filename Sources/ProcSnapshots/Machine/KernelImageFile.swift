/// The sections of a kernel's image as a `System.map` or the output of `readelf -S vmlinux` tells them.
public struct KernelImageFile: Sendable, Hashable {
  /// Which of the two it is.
  public enum Form: String, Sendable, Codable {
    case systemMap = "System.map"
    case readelf = "readelf -S"
  }

  /// A section: name, first address, bytes, alignment in bytes (0 if unknown).
  public struct Section: Sendable, Hashable {
    public var name: String
    public var start: UInt64
    public var size: UInt64
    public var alignment: UInt64
  }

  public var form: Form
  public var sections: [Section]
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    var symbols: [String: UInt64] = [:]
    var found: [Section] = []
    var pending: (name: String, start: UInt64)?
    while let line = text.line() {
      var cursor = line
      guard let words = Self.words(&cursor) else {
        text.leaveOut(line, expected: "a line of System.map or of readelf -S")
        continue
      }
      if words.count >= 3, words[1].count == 1, let address = UInt64(words[0], radix: 16) {
        if Self.marks.contains(words[2]), symbols[words[2]] == nil { symbols[words[2]] = address }
        continue
      }
      if let (name, start) = pending, let size = UInt64(words.first ?? "", radix: 16), words.count >= 4 {
        // The second line of a section in the wide form for 64 bits: size, entry size, flags, …, alignment.
        found.append(Section(name: name, start: start, size: size, alignment: UInt64(words.last ?? "") ?? 0))
        pending = nil
        continue
      }
      pending = nil
      guard let row = Self.sectionWords(words) else { continue }
      if row.count >= 7, let start = UInt64(row[2], radix: 16), let size = UInt64(row[4], radix: 16) {
        // One line: name, type, address, offset, size, entry size, flags …, alignment.
        if start > 0 {
          found.append(Section(name: row[0], start: start, size: size, alignment: UInt64(row[row.count - 1]) ?? 0))
        }
      } else if row.count == 4, let start = UInt64(row[2], radix: 16), start > 0 {
        pending = (row[0], start)
      }
    }
    damage = text.damageSoFar
    if !found.isEmpty {
      form = .readelf
      sections = found
    } else {
      form = .systemMap
      sections = Self.sections(symbols)
    }
    if sections.isEmpty {
      throw SnapshotError(
        .wrongKind, file: content.name, found: "no section of a kernel",
        expected: "a System.map with _text and _etext, or the output of `readelf -S vmlinux`",
        remedy: "Make it with `readelf -SW vmlinux`, or copy /boot/System.map.")
    }
  }

  private static func words(_ cursor: inout FieldCursor) -> [String]? {
    var words: [String] = []
    while cursor.skipBlanks() >= 0, !cursor.isAtEnd {
      guard let word = cursor.word(), words.count < 64 else { return nil }
      words.append(word)
    }
    return words
  }

  /// The words behind `[ 1]` or `[12]`; `nil` if it is no row of a section.
  private static func sectionWords(_ words: [String]) -> [String]? {
    guard let first = words.first, first.hasPrefix("[") else { return nil }
    if first.hasSuffix("]") { return Array(words.dropFirst()) }
    guard words.count > 1, words[1].hasSuffix("]") else { return nil }
    return Array(words.dropFirst(2))
  }

  private static let parts: [(name: String, start: String, end: String)] = [
    ("text", "_text", "_etext"), ("rodata", "__start_rodata", "__end_rodata"), ("data", "_sdata", "_edata"),
    ("bug_table", "__start___bug_table", "__stop___bug_table"),
    ("orc_unwind_ip", "__start_orc_unwind_ip", "__stop_orc_unwind_ip"),
    ("orc_unwind", "__start_orc_unwind", "__stop_orc_unwind"), ("orc_lookup", "orc_lookup", "orc_lookup_end"),
    ("init", "__init_begin", "__init_end"), ("smp_locks", "__smp_locks", "__smp_locks_end"),
    ("bss", "__bss_start", "__bss_stop"), ("brk", "__brk_base", "__brk_limit"),
  ]

  /// A section of one page that has no symbol at its end.
  private static let sharedPage = "__vvar_page"
  private static let marks: Set<String> = Set(parts.flatMap { [$0.start, $0.end] } + [sharedPage])

  /// The sections that the linker script's own symbols delimit.
  private static func sections(_ symbols: [String: UInt64]) -> [Section] {
    var sections = parts.compactMap { part -> Section? in
      guard let start = symbols[part.start], let end = symbols[part.end], end > start else { return nil }
      return Section(name: part.name, start: start, size: end - start, alignment: 0)
    }
    if !sections.isEmpty, let start = symbols[sharedPage], start < UInt64.max - 4096 {
      sections.append(Section(name: "vvar", start: start, size: 4096, alignment: 4096))
    }
    return sections.sorted { $0.start < $1.start }
  }
}
