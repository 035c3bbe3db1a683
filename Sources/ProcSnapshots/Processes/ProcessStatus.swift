/// `/proc/PID/status`: a process in names and numbers.
///
/// Follows `proc_pid_status` in fs/proc/array.c and `task_mem` in fs/proc/task_mmu.c, Linux 6.1.
public struct ProcessStatus: KernelFile {
  public enum Value: Hashable, Sendable {
    /// `VmRSS:	    4844 kB`; `width` counts the blanks before the number.
    case kilobytes(UInt64, width: Int)
    case text(ByteString)
  }

  public struct Field: Hashable, Sendable {
    public var name: String
    public var value: Value
  }

  public var fields: [Field]
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    let first = text.peek()
    fields = try text.rows("VmRSS:\t    4844 kB") { cursor in
      guard let name = cursor.word(until: ":"), cursor.take(":\t") else { return nil }
      let start = cursor.column
      if let number = cursor.paddedDecimal() {
        let width = cursor.column - start
        if cursor.take(" kB"), cursor.isAtEnd { return Field(name: name, value: .kilobytes(number, width: width)) }
      }
      cursor.move(to: start)
      return Field(name: name, value: .text(cursor.rest()))
    }
    if fields.first?.name != "Name" { throw text.wrongKind(first, expected: "`Name:` in the first line") }
    damage = text.damageSoFar
  }

  /// The text of a field, such as `Name` or `State`.
  public subscript(name: String) -> String? {
    for field in fields where field.name == name {
      if case .text(let text) = field.value { return text.description }
    }
    return nil
  }

  /// Kilobytes of a field, such as `VmRSS`.
  public func kilobytes(_ name: String) -> UInt64? {
    for field in fields where field.name == name {
      if case .kilobytes(let number, _) = field.value { return number }
    }
    return nil
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for field in fields {
      writer.put(field.name + ":\t")
      switch field.value {
      case .kilobytes(let number, let width):
        writer.decimal(number, width)
        writer.put(" kB")
      case .text(let text): writer.put(text)
      }
      writer.newline()
    }
    return writer.bytes
  }
}
