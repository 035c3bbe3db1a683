public import KernelTypes

/// What the kernel does when the hardware says that a page's contents are lost.
///
/// Follows `memory_failure`, `hwpoison_user_mappings`, `collect_procs` and `kill_procs` in mm/memory-failure.c, Linux 6.1.
public struct MemoryFailure: Hashable, Sendable {
  /// What the page was used for.
  public enum Use: String, Hashable, Sendable, Codable {
    /// Free, on a list of the buddy allocator.
    case free
    /// Slab objects, page tables, kernel memory.
    case kernel
    case reserved
    /// Page cache that can be read again.
    case cleanFile
    /// Page cache that was not written yet.
    case dirtyFile
    case anonymous
    /// An anonymous page with a copy in swap.
    case cleanSwapCache
    case hugeFree
    case hugeInUse
  }

  /// A process that maps the page.
  public struct Mapper: Hashable, Sendable {
    public var pid: Int
    /// It asked to be told early (`PR_MCE_KILL_EARLY`); `nil` leaves it to the setting.
    public var wantsEarly: Bool?

    public init(pid: Int, wantsEarly: Bool? = nil) {
      self.pid = pid
      self.wantsEarly = wantsEarly
    }
  }

  /// What becomes of the page.
  public enum Result: String, Hashable, Sendable, Codable {
    /// Out of use, and nothing was lost.
    case recovered
    /// Out of use once its users let go; who touches it is killed.
    case delayed
    /// The kernel can't do without it.
    case ignored
    /// The machine stops (`memory_failure_recovery` is 0).
    case panics
  }

  public var result: Result
  /// Processes that get SIGBUS now: they lose what the page held.
  public var killed: [Int]
  /// Processes that get SIGBUS if they touch it.
  public var killedOnAccess: [Int]
  /// Whether the page frame is out of use for good.
  public var isTakenOut: Bool

  /// The outcome for a page of some use.
  public init(
    use: Use, mappers: [Mapper] = [], settings: VirtualMemorySettings = VirtualMemorySettings()
  ) {
    killed = []
    killedOnAccess = []
    if settings.memoryFailureRecovery == 0 {
      result = .panics
      isTakenOut = false
      return
    }
    switch use {
    case .free, .hugeFree, .cleanFile, .cleanSwapCache:
      // Mappings of what can be read again are just removed.
      result = .recovered
      isTakenOut = true
    case .kernel, .reserved:
      result = .ignored
      isTakenOut = false
    case .dirtyFile, .anonymous, .hugeInUse:
      result = use == .dirtyFile ? .recovered : mappers.isEmpty ? .recovered : .delayed
      isTakenOut = true
      for mapper in mappers {
        if mapper.wantsEarly ?? (settings.memoryFailureEarlyKill != 0) {
          killed.append(mapper.pid)
        } else {
          killedOnAccess.append(mapper.pid)
        }
      }
    }
  }
}

extension Zone {
  /// Takes a free page out of use for good: out of the buddy allocator's block it is in, the rest of which stays free.
  ///
  /// False if the page is not free. Follows `take_page_off_buddy` in mm/page_alloc.c, Linux 6.1.
  public mutating func takeOutFailing(_ frame: PageFrame) -> Bool {
    guard contains(frame), isFree(frame) else { return false }
    return take(frame, order: 0)
  }
}
