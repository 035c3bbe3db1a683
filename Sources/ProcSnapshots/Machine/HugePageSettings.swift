/// `/sys/kernel/mm/transparent_hugepage` as `grep -r .` prints it.
public struct HugePageSettings: KernelFile {
  public var listing: GrepListing
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    listing = try .read(
      &text, of: "transparent_hugepage/", example: "/sys/kernel/mm/transparent_hugepage/enabled:always [madvise] never")
    damage = text.damageSoFar
    if listing["enabled"] == nil, listing["defrag"] == nil {
      throw SnapshotError(
        .wrongKind, file: content.name, found: "no setting `enabled`",
        expected: "lines such as `/sys/kernel/mm/transparent_hugepage/enabled:always [madvise] never`",
        remedy: "Record it with `grep -r . /sys/kernel/mm/transparent_hugepage`.")
    }
  }

  /// Whether huge pages are used at all, so that khugepaged may have raised `min_free_kbytes`.
  public var isEnabled: Bool { listing["enabled"].map { !$0.contains("[never]") } ?? false }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    listing.write(&writer)
    return writer.bytes
  }
}
