public import MemoryModels
public import ProcSnapshots

/// What Android's low-memory killer would say on a snapshot's machine.
public struct LowMemoryForecast: Sendable {
  public var levels: [LowMemoryKiller.Level]
  /// Free pages beyond the reserves, and pages of files besides shared ones: what the levels are compared with.
  public var freePages: Int
  public var filePages: Int
  /// Processes of at least this `oom_score_adj` may die now; `nil` if none may.
  public var threshold: Int?
  /// Pages that are still to be used up until each level is reached, by the larger of both counts; 0 if it is.
  public var pagesLeft: [Int]

  /// `nil` without meminfo, or without zoneinfo for the reserves.
  public init?(_ snapshot: Snapshot, killer: LowMemoryKiller, reservePages: Int?, pageKilobytes: Int) {
    guard let memory = snapshot.memInfo, let reservePages, let free = memory["MemFree"] else { return nil }
    func pages(_ name: String) -> Int { Int(min(memory[name] ?? 0, 1 << 44)) / max(pageKilobytes, 1) }
    levels = killer.levels
    freePages = Int(min(free, 1 << 44)) / max(pageKilobytes, 1) - reservePages
    // Cached counts shared memory and leaves out what is cached of swap.
    filePages = pages("Cached") + pages("Buffers") - pages("Shmem")
    threshold = killer.threshold(freePages: freePages, filePages: filePages)
    let most = max(freePages, filePages)
    pagesLeft = killer.levels.map { max(most - $0.pages + 1, 0) }
  }
}
