import KernelTypes

/// What a trace says about the caches of objects whose allocation names none: names on frees, by site and by page.
struct CacheNameEvidence: ~Copyable {
  /// The names that frees gave to the objects of one site's group.
  struct SiteNames: BitwiseCopyable {
    var isSite = false
    var isSeveral = false
    var name = StringID.none
  }

  /// The last named free on a page.
  struct PageName: BitwiseCopyable {
    var name: StringID
    var allocatedBytes: UInt32
    /// When the free was, in events; 0 stands for now.
    var sequence: UInt64
  }

  private var sites: [SiteNames] = []
  /// Named frees by page.
  var pages = AddressTable<PageName>(filler: PageName(name: .none, allocatedBytes: 0, sequence: 0))
  // For each gfp text: 0 not looked at yet, 1 plain, 2 reclaimable.
  private var reclaimable: [UInt8] = []

  subscript(group: Int) -> SiteNames { group < sites.count ? sites[group] : SiteNames() }

  /// Notes that a group holds the objects of a site.
  mutating func noteSite(_ group: Int) {
    while sites.count <= group { sites.append(SiteNames()) }
    sites[group].isSite = true
  }

  /// Notes that an object of a site's group belongs to the cache `name`.
  mutating func learn(_ name: StringID, site group: Int) {
    if sites[group].name == .none {
      sites[group].name = name
    } else if sites[group].name != name {
      sites[group].isSeveral = true
    }
  }

  /// Whether a gfp text asks for reclaimable memory and no DMA memory; each text is looked at once.
  mutating func isReclaimable(_ gfp: StringID, _ strings: StringInterner) -> Bool {
    if gfp.index < reclaimable.count, reclaimable[gfp.index] != 0 { return reclaimable[gfp.index] == 2 }
    while reclaimable.count <= gfp.index { reclaimable.append(0) }
    let flags = strings.string(gfp).split(separator: "|")
    let isReclaimable = flags.contains("__GFP_RECLAIMABLE") && !flags.contains { $0 == "GFP_DMA" || $0 == "__GFP_DMA" }
    reclaimable[gfp.index] = isReclaimable ? 2 : 1
    return isReclaimable
  }
}
