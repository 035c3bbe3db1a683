/// `/proc/PID/smaps` (and `smaps_rollup`): mappings with what of each is in memory.
///
/// Follows `show_smap` in fs/proc/task_mmu.c, Linux 6.1.
public struct ProcessSmaps: KernelFile {
  public enum Line: Hashable, Sendable {
    /// Kilobytes, or a plain number.
    case number(NumberField)
    /// `VmFlags: rd ex mr mw me `
    case flags([String])
  }

  public struct Entry: Hashable, Sendable {
    public var mapping: ProcessMapping
    public var lines: [Line] = []

    /// Kilobytes of `Rss`, `Pss`, `Private_Dirty`, ….
    public subscript(name: String) -> UInt64? {
      for case .number(let field) in lines where field.name == name { return field.value }
      return nil
    }
  }

  public var entries: [Entry]
  public var damage = FileDamage()

  /// Kilobytes of a field over all mappings.
  public func total(_ name: String) -> UInt64 { entries.reduce(0) { $0 &+ ($1[name] ?? 0) } }

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    entries = []
    var good = 0
    while var cursor = text.line() {
      let line = cursor
      if let mapping = cursor.mapping() {
        entries.append(Entry(mapping: mapping))
        good += 1
        continue
      }
      cursor.rewind()
      guard let last = entries.indices.last else {
        throw text.wrongKind(line, expected: "a mapping such as `00400000-00401000 r--p …` in the first line")
      }
      if cursor.take("VmFlags:") {
        entries[last].lines.append(.flags(cursor.words()))
      } else if let field = cursor.numberField(), cursor.isAtEnd {
        entries[last].lines.append(.number(field))
      } else {
        text.leaveOut(line, expected: "a field such as `Rss:                 596 kB`")
        continue
      }
      good += 1
    }
    try text.require(good, of: "00400000-00401000 r--p 00000000 00:02 8    /bin/sh")
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for entry in entries {
      writer.mapping(entry.mapping)
      for line in entry.lines {
        switch line {
        case .number(let field): writer.numberField(field)
        case .flags(let flags): writer.put("VmFlags: " + flags.map { $0 + " " }.joined() + "\n")
        }
      }
    }
    return writer.bytes
  }
}
