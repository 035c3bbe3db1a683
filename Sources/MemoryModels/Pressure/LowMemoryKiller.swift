/// Android's killer, which ends processes long before memory has run out, the least important first.
///
/// Follows `lowmem_scan` (`lowmem_shrink`) in drivers/staging/android/lowmemorykiller.c, Linux 3.5 to 4.11.
public struct LowMemoryKiller: Hashable, Sendable {
  /// A level: below so many pages, processes of at least this adjustment may die.
  public struct Level: Hashable, Sendable {
    /// Pages that are free, and pages of files besides shared ones, both (`minfree`).
    public var pages: Int
    /// The least `oom_score_adj` (`adj`).
    public var adjustment: Int

    public init(pages: Int, adjustment: Int) {
      self.pages = pages
      self.adjustment = adjustment
    }
  }

  /// Ascending by pages.
  public var levels: [Level]

  public init(levels: [Level]) { self.levels = levels.sorted { $0.pages < $1.pages } }

  /// The driver's own levels: 6, 8, 16 and 64 MiB with pages of 4 KiB.
  public static let standard = LowMemoryKiller(levels: [
    Level(pages: 3 * 512, adjustment: 0), Level(pages: 2 * 1024, adjustment: 1),
    Level(pages: 4 * 1024, adjustment: 6), Level(pages: 16 * 1024, adjustment: 12),
  ])

  /// The least adjustment of a process that may die now; `nil` if there is enough memory.
  ///
  /// `freePages` are without the reserves (`totalreserve_pages`), `filePages` without shared memory.
  public func threshold(freePages: Int, filePages: Int) -> Int? {
    levels.first { freePages < $0.pages && filePages < $0.pages }?.adjustment
  }

  /// The process that dies: of the highest adjustment, the largest; `nil` if none qualifies.
  public func choose(_ tasks: [OutOfMemory.Task], freePages: Int, filePages: Int) -> OutOfMemory
    .Task?
  {
    guard let least = threshold(freePages: freePages, filePages: filePages) else { return nil }
    var chosen: OutOfMemory.Task?
    for task in tasks where !task.isUnkillable && task.adjustment >= least {
      // While one dies, no other is chosen.
      if task.isDying { return nil }
      let size = task.residentPages
      if size <= 0 { continue }
      if let other = chosen {
        if task.adjustment < other.adjustment { continue }
        if task.adjustment == other.adjustment, size <= other.residentPages { continue }
      }
      chosen = task
    }
    return chosen
  }
}
