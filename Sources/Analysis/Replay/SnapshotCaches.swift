public import ProcSnapshots
public import Replay

/// What a snapshot says about the kernel's caches.
public enum SnapshotCaches {
  /// The caches of slabinfo, with what `/sys/kernel/slab` adds; those that only the latter has come last.
  public static func known(_ snapshot: Snapshot) -> [KnownCache] {
    let details = snapshot.slabDirectory.map { attributes(of: $0) } ?? [:]
    var caches: [KnownCache] = []
    var names: Set<String> = []
    for cache in snapshot.slabInfo?.caches ?? [] where names.insert(cache.name).inserted {
      let slot = Int(clamping: cache.objectSize)
      if let detail = details[cache.name], detail.slotSize == slot {
        caches.append(detail)
      } else {
        caches.append(KnownCache(name: cache.name, slotSize: slot))
      }
    }
    // Directories of merged caches are called after their properties, such as `:0000192`.
    for (name, detail) in details.sorted(by: { $0.key < $1.key }) where !name.hasPrefix(":") {
      if names.insert(name).inserted { caches.append(detail) }
    }
    return caches
  }

  private static func attributes(of directory: SlabDirectory) -> [String: KnownCache] {
    var values: [String: [String: String]] = [:]
    for row in directory.listing.rows {
      guard let slash = row.path.firstIndex(of: "/") else { continue }
      let attribute = String(row.path[row.path.index(after: slash)...])
      if !wanted.contains(attribute) { continue }
      values[String(row.path[..<slash]), default: [:]][attribute] = row.value.description
    }
    return values.reduce(into: [:]) { caches, entry in
      func number(_ attribute: String) -> Int? { entry.value[attribute].flatMap { Int($0.prefix { $0 != " " }) } }
      guard let slot = number("slab_size"), slot > 0 else { return }
      let alignment = number("align").flatMap { $0 > 0 && $0 & ($0 - 1) == 0 ? $0 : nil }
      var keeps: Bool?
      if let isUnderRCU = number("destroy_by_rcu") { keeps = isUnderRCU != 0 || entry.value["ctor"] != nil }
      caches[entry.key] = KnownCache(
        name: entry.key, slotSize: slot, objectSize: number("object_size"), alignment: alignment, keepsContents: keeps,
        isReclaimable: number("reclaim_account").map { $0 != 0 })
    }
  }

  private static let wanted: Set<String> = [
    "slab_size", "object_size", "align", "destroy_by_rcu", "ctor", "reclaim_account",
  ]
}
