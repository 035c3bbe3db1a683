/// The pages of a process as text, one a line: what a reader of `/proc/PID/pagemap` notes down of it.
///
/// `400000 pfn f6a8 file excl` is an address, the frame (or `swap` and the entry), and the flags of a file's or shared
/// page and of a page mapped once. The kernel's own file covers the whole address space and can't be copied.
public struct PageListing: KernelFile {
  /// A page with an entry.
  public struct Entry: Hashable, Sendable {
    public var address: HexNumber
    public var isSwapped: Bool
    /// The frame, or the swap entry.
    public var value: HexNumber
    public var isFileOrShared: Bool
    public var isExclusive: Bool
  }

  public var entries: [Entry]
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    entries = try text.rows("400000 pfn f6a8 file excl") { cursor in
      guard let address = cursor.hexadecimal(), cursor.take(" ") else { return nil }
      let isSwapped = cursor.take("swap ")
      if !isSwapped, !cursor.take("pfn ") { return nil }
      guard let value = cursor.hexadecimal() else { return nil }
      let isFile = cursor.take(" file")
      let isExclusive = cursor.take(" excl")
      return Entry(
        address: address, isSwapped: isSwapped, value: value, isFileOrShared: isFile, isExclusive: isExclusive)
    }
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for entry in entries {
      writer.hexadecimal(entry.address)
      writer.put(entry.isSwapped ? " swap " : " pfn ")
      writer.hexadecimal(entry.value)
      if entry.isFileOrShared { writer.put(" file") }
      if entry.isExclusive { writer.put(" excl") }
      writer.newline()
    }
    return writer.bytes
  }

  /// Whether a file is such a listing and not the kernel's own binary.
  static func isListing(_ content: FileContent) -> Bool {
    !content.bytes.isEmpty && content.bytes.prefix(4096).allSatisfy { 0x20...0x7E ~= $0 || $0 == 0x0A }
  }
}
