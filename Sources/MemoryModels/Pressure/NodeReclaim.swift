public import KernelTypes

/// Whether a node reclaims its own pages before a request goes to another node (`zone_reclaim_mode`).
///
/// Follows `node_reclaim` and `node_pagecache_reclaimable` in mm/vmscan.c, Linux 6.1.
public struct NodeReclaim: Hashable, Sendable {
  /// What happens.
  public enum Outcome: String, Hashable, Sendable, Codable {
    /// The mode is off: the next node is tried.
    case off
    /// There is too little that could be reclaimed cheaply.
    case nothingWorthwhile
    /// The node is scanned once, a sixteenth of its pages at first.
    case scans
  }

  /// The priority of the first pass: a sixteenth (`NODE_RECLAIM_PRIORITY`).
  public static let priority = 4

  /// Pages of a node.
  public struct Pages: Hashable, Sendable {
    public var managed: Int
    public var file: Int
    public var mapped: Int
    public var dirty: Int
    public var reclaimableSlab: Int

    public init(managed: Int, file: Int, mapped: Int, dirty: Int, reclaimableSlab: Int) {
      self.managed = managed
      self.file = file
      self.mapped = mapped
      self.dirty = dirty
      self.reclaimableSlab = reclaimableSlab
    }
  }

  /// File pages that the mode lets it take. Follows `node_pagecache_reclaimable`.
  public static func reclaimableFilePages(_ pages: Pages, settings: VirtualMemorySettings) -> Int {
    let unmaps = settings.zoneReclaimMode & 4 != 0
    let writes = settings.zoneReclaimMode & 2 != 0
    let cache = unmaps ? pages.file : max(pages.file - pages.mapped, 0)
    return writes ? cache : cache - min(pages.dirty, cache)
  }

  /// What a node does before a request goes elsewhere.
  public static func outcome(_ pages: Pages, settings: VirtualMemorySettings) -> Outcome {
    if settings.zoneReclaimMode & 7 == 0 { return .off }
    let leastFile = pages.managed * settings.minimumUnmappedRatio / 100
    let leastSlab = pages.managed * settings.minimumSlabRatio / 100
    if reclaimableFilePages(pages, settings: settings) <= leastFile,
      pages.reclaimableSlab <= leastSlab
    {
      return .nothingWorthwhile
    }
    return .scans
  }
}
