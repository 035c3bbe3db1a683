public import KernelTypes

/// How many pages may be dirty before they are written: in the background, and by those who dirty them.
///
/// Follows `global_dirtyable_memory` and `domain_dirty_limits` in mm/page-writeback.c, Linux 6.1.
public struct WritebackThresholds: Hashable, Sendable {
  /// Pages above which flushers write.
  public var background: Int
  /// Pages above which writers are slowed.
  public var limit: Int

  /// Pages that could be dirty: free ones above the reserves, and those of files.
  ///
  /// `highMemoryPages` is the part of it in high memory, which does not count unless `highmem_is_dirtyable`.
  public static func dirtyablePages(
    free: Int, totalReserve: Int, inactiveFile: Int, activeFile: Int, highMemoryPages: Int = 0,
    settings: VirtualMemorySettings
  ) -> Int {
    var pages = free - min(free, totalReserve) + inactiveFile + activeFile
    if settings.highMemoryIsDirtyable == 0 { pages -= min(highMemoryPages, pages) }
    // Never nothing.
    return pages + 1
  }

  /// The thresholds of a machine with so many pages that could be dirty.
  public init(
    availablePages: Int, settings: VirtualMemorySettings, pageSize: Int, isRealTime: Bool = false
  ) {
    let available = max(availablePages, 0)
    let ratio = settings.dirtyRatio * pageSize / 100
    let backgroundRatio = settings.dirtyBackgroundRatio * pageSize / 100
    limit =
      settings.dirtyBytes > 0
      ? (settings.dirtyBytes + pageSize - 1) / pageSize : ratio * available / pageSize
    background =
      settings.dirtyBackgroundBytes > 0
      ? (settings.dirtyBackgroundBytes + pageSize - 1) / pageSize
      : backgroundRatio * available / pageSize
    if isRealTime {
      background += background / 4
      limit += limit / 4
    }
    limit = min(limit, Int(UInt32.max))
    if background >= limit { background = limit / 2 }
  }

  /// What happens to a process that dirties pages while so many are dirty.
  public enum Response: String, Hashable, Sendable, Codable {
    case nothing
    /// Flushers are woken.
    case backgroundWriting
    /// The process waits while others write.
    case throttled
  }

  /// What happens at so many dirty pages; throttling sets in half way between the two thresholds.
  /// Follows `dirty_freerun_ceiling` and `balance_dirty_pages`.
  public func response(dirtyPages: Int) -> Response {
    if dirtyPages > (limit + background) / 2 { return .throttled }
    return dirtyPages > background ? .backgroundWriting : .nothing
  }

  /// Whether a page has been dirty for so long that the periodic flusher writes it. Follows `wb_old_data_flush`.
  public static func isExpired(ageCentiseconds: Int, settings: VirtualMemorySettings) -> Bool {
    settings.dirtyWritebackCentiseconds > 0 && ageCentiseconds > settings.dirtyExpireCentiseconds
  }
}
