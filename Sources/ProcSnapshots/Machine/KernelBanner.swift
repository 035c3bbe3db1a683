public import KernelTypes

/// `/proc/version`: which kernel it is, and who built it with what.
public struct KernelBanner: KernelFile {
  public var line: ByteString
  public var damage: FileDamage

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    guard var first = text.rawLine(), first.take("Linux version "), !first.isAtEnd else {
      throw text.wrongKind(nil, expected: "`Linux version 6.1.…`")
    }
    if !first.isTerminated { text.markCutShort() }
    first.rewind()
    line = first.rest()
    while let more = text.rawLine() { text.leaveOut(more, expected: "one line only") }
    damage = text.damageSoFar
  }

  /// The release, such as `6.1.0-18-amd64`.
  public var release: String {
    line.description.split(separator: " ").dropFirst(2).first.map(String.init) ?? ""
  }

  public var kernel: KernelVersion? { KernelVersion(parsing: release) }

  public var bytes: [UInt8] { line.bytes + (damage.isCutShort ? [] : [0x0A]) }
}
