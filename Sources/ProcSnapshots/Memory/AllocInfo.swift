/// `/proc/allocinfo`: bytes and calls by the source line that allocates (CONFIG_MEM_ALLOC_PROFILING, 6.10 and later).
///
/// Follows `alloc_tag_to_text` in lib/alloc_tag.c, Linux 6.10 to 6.12.
public struct AllocInfo: KernelFile {
  public struct Site: Hashable, Sendable {
    /// Bytes that are live; the kernel's counters may be off by a little, even below 0.
    public var bytes: Int
    /// Objects that are live.
    public var calls: UInt64
    /// Such as `mm/slub.c:2310 func:alloc_slab_page`, as printed.
    public var tag: String

    /// The function that allocates.
    public var function: String? {
      tag.split(separator: " ").first { $0.hasPrefix("func:") }.map { String($0.dropFirst(5)) }
    }
  }

  /// Such as `1.0`; 6.10's first form has no header.
  public var version: String?
  public var sites: [Site]
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    if var first = text.peek(), first.take("allocinfo - version: ") {
      version = first.plainRest()
      _ = text.line()
      if text.peek()?.line.first == UInt8(ascii: "#") { _ = text.line() }
    }
    sites = try text.rows("     1024        4 mm/file.c:12 func:name", atLeast: version == nil ? 1 : 0) { cursor in
      cursor.skipBlanks()
      guard let bytes = cursor.signedDecimal(), let calls = cursor.paddedDecimal(), cursor.take(" "),
        let tag = cursor.plainRest(), tag.contains("func:")
      else { return nil }
      return Site(bytes: bytes, calls: calls, tag: tag)
    }
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    if let version { writer.put("allocinfo - version: \(version)\n#     <size>  <calls> <tag info>\n") }
    for site in sites {
      writer.decimal(site.bytes, 12)
      writer.put(" ")
      writer.decimal(site.calls, 8)
      writer.put(" " + site.tag + "\n")
    }
    return writer.bytes
  }
}
