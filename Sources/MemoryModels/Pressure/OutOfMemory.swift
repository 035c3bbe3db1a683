public import KernelTypes

/// Who is killed when memory has run out.
///
/// Follows `oom_badness`, `oom_evaluate_task`, `check_panic_on_oom` and `out_of_memory` in mm/oom_kill.c, and
/// `proc_oom_score` in fs/proc/base.c, Linux 6.1 and 3.5. Control groups are not modelled.
public struct OutOfMemory: Hashable, Sendable {
  /// A process that has memory.
  public struct Task: Hashable, Sendable {
    public var pid: Int
    public var name: String
    public var userID: Int
    /// The thread group; the same as `pid` for most.
    public var threadGroup: Int
    /// Pages of address space.
    public var totalPages: Int
    /// Pages in memory: anonymous, of files, and shared.
    public var anonymousPages: Int
    public var filePages: Int
    public var sharedPages: Int
    /// Bytes of page tables.
    public var pageTableBytes: Int
    /// Pages in swap.
    public var swapPages: Int
    /// −1000 to 1000 (`oom_score_adj`).
    public var adjustment: Int
    /// The first process, or a thread of the kernel: never killed.
    public var isUnkillable: Bool
    /// It was chosen before and its memory is gone already (`MMF_OOM_SKIP`), or it is between vfork and exec.
    public var isSkipped: Bool
    /// It was chosen before and is not dead yet.
    public var isDying: Bool

    public init(
      pid: Int, name: String, userID: Int = 0, threadGroup: Int? = nil, totalPages: Int = 0,
      anonymousPages: Int = 0,
      filePages: Int = 0, sharedPages: Int = 0, pageTableBytes: Int = 0, swapPages: Int = 0,
      adjustment: Int = 0,
      isUnkillable: Bool = false, isSkipped: Bool = false, isDying: Bool = false
    ) {
      self.pid = pid
      self.name = name
      self.userID = userID
      self.threadGroup = threadGroup ?? pid
      self.totalPages = totalPages
      self.anonymousPages = anonymousPages
      self.filePages = filePages
      self.sharedPages = sharedPages
      self.pageTableBytes = pageTableBytes
      self.swapPages = swapPages
      self.adjustment = adjustment
      self.isUnkillable = isUnkillable
      self.isSkipped = isSkipped
      self.isDying = isDying
    }

    /// Pages in memory.
    public var residentPages: Int { anonymousPages + filePages + sharedPages }
  }

  /// What happens.
  public enum Outcome: Hashable, Sendable {
    /// The process of this number dies, with its score.
    case kills(pid: Int, badness: Int)
    /// The process that asked dies, whatever it has (`oom_kill_allocating_task`).
    case killsAllocating(pid: Int)
    /// One is dying already: everybody waits for it.
    case waits(pid: Int)
    /// The machine stops (`panic_on_oom`).
    case panics
    /// There is nobody to kill: the machine stops.
    case deadlock
    /// The request could not do file input and output, so that reclaim was half-hearted: nobody dies.
    case notTried
  }

  /// What limits the request that failed.
  public enum Constraint: String, Hashable, Sendable, Codable {
    case none = "CONSTRAINT_NONE"
    case cpuset = "CONSTRAINT_CPUSET"
    case memoryPolicy = "CONSTRAINT_MEMORY_POLICY"
    case controlGroup = "CONSTRAINT_MEMCG"
  }

  /// Memory and swap together, in pages.
  public var totalPages: Int
  public var pageSize: Int
  public var constraint: Constraint
  public var settings: VirtualMemorySettings

  public init(
    totalPages: Int, pageSize: Int = 4096, constraint: Constraint = .none,
    settings: VirtualMemorySettings = VirtualMemorySettings()
  ) {
    self.totalPages = max(totalPages, 1)
    self.pageSize = max(pageSize, 1)
    self.constraint = constraint
    self.settings = settings
  }

  /// How much would be won by killing a process, in pages; `nil` if it must not be. Follows `oom_badness`.
  public func badness(_ task: Task) -> Int? {
    if task.isUnkillable || task.isSkipped || task.adjustment <= -1000 { return nil }
    let points = task.residentPages + task.swapPages + task.pageTableBytes / pageSize
    return points + task.adjustment * (totalPages / 1000)
  }

  /// The number in `/proc/PID/oom_score`. Follows `proc_oom_score` in fs/proc/base.c, Linux 6.1; before 5.8 the score was
  /// the badness in thousandths, before 3.17 less 30 of them for root.
  public func score(_ task: Task, kernel: KernelVersion = KernelVersion(6, 1)) -> Int {
    if kernel >= KernelVersion(5, 8) {
      guard let badness = badness(task) else { return 0 }
      return max((1000 + badness * 1000 / totalPages) * 2 / 3, 0)
    }
    guard let badness = badness(task) else { return 0 }
    var points = badness
    if kernel < KernelVersion(3, 17), task.userID == 0 { points -= 30 * totalPages / 1000 }
    // 0 would mean that it must not be killed.
    return max(points, 1) * 1000 / totalPages
  }

  /// Chooses among the processes, in the kernel's order: of equals, the later one.
  public func choose(_ tasks: [Task], allocating: Task? = nil, canUseFileSystem: Bool = true)
    -> Outcome
  {
    if !canUseFileSystem { return .notTried }
    let panics =
      settings.panicOnOutOfMemory == 2 || settings.panicOnOutOfMemory == 1 && constraint == .none
    if panics { return .panics }
    if settings.killsAllocatingTask != 0, let task = allocating, !task.isUnkillable,
      task.adjustment != -1000
    {
      return .killsAllocating(pid: task.pid)
    }
    var chosen: (pid: Int, badness: Int)?
    for task in tasks where !task.isUnkillable {
      if task.isDying, !task.isSkipped { return .waits(pid: task.pid) }
      guard let points = badness(task) else { continue }
      if points >= chosen?.badness ?? .min { chosen = (task.pid, points) }
    }
    return chosen.map { .kills(pid: $0.pid, badness: $0.badness) } ?? .deadlock
  }
}
