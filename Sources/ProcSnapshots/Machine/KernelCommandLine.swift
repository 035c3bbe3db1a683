/// `/proc/cmdline`: the parameters that the kernel was started with.
public struct KernelCommandLine: KernelFile {
  public var line: ByteString
  public var damage: FileDamage

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    guard var first = text.rawLine() else { throw text.wrongKind(nil, expected: "one line of parameters") }
    line = first.rest()
    // One line cut short can't be told from one that lost its newline, and it can be used either way.
    if !first.isTerminated { text.markCutShort() }
    while let more = text.rawLine() { text.leaveOut(more, expected: "one line only") }
    damage = text.damageSoFar
  }

  /// The parameters; those with blanks are in double quotes.
  public var parameters: [String] {
    var isQuoted = false
    return line.description.split { character in
      if character == "\"" { isQuoted.toggle() }
      return character == " " && !isQuoted
    }.map(String.init)
  }

  public var bytes: [UInt8] { line.bytes + (damage.isCutShort ? [] : [0x0A]) }
}
