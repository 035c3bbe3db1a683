/// `/sys/kernel/slab` as `grep -r .` prints it: SLUB's caches with all their attributes.
public struct SlabDirectory: KernelFile {
  public var listing: GrepListing
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    listing = try .read(&text, of: "kernel/slab/", example: "/sys/kernel/slab/dentry/object_size:192")
    damage = text.damageSoFar
    if !listing.rows.contains(where: { $0.path.hasSuffix("/object_size") || $0.path.hasSuffix("/slab_size") }) {
      throw SnapshotError(
        .wrongKind, file: content.name, found: "no cache with an object_size",
        expected: "lines such as `/sys/kernel/slab/dentry/object_size:192`",
        remedy: "Record it with `grep -r . /sys/kernel/slab`.")
    }
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    listing.write(&writer)
    return writer.bytes
  }

  /// The caches' directory names, in the order of the listing.
  public var cacheNames: [String] {
    var seen: Set<Substring> = []
    return listing.rows.compactMap { row in
      guard let slash = row.path.firstIndex(of: "/") else { return nil }
      let name = row.path[..<slash]
      return seen.insert(name).inserted ? String(name) : nil
    }
  }

  /// An attribute of a cache as a number: `object_size` and `slab_size` in bytes, `order`, `objs_per_slab`, ….
  public func number(_ attribute: String, of cache: String) -> UInt64? {
    listing[cache + "/" + attribute].flatMap { UInt64($0.prefix { $0 != " " }) }
  }
}
