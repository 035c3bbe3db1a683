public import KernelTypes

/// What the owner of pages says and does while they are reclaimed.
///
/// A scenario's address spaces and page cache are one; a test's table is another.
public protocol PressureDriver: ~Copyable {
  /// How often a page was used since it was last asked, by those who map it; the answer forgets the uses.
  mutating func references(_ frame: PageFrame) -> PageReferences
  /// Takes a page away from all who map it, and says what that led to. The model frees the frame.
  mutating func evict(_ frame: PageFrame, _ kind: PageLists.Kind) -> Eviction
  /// Whether anonymous pages can go anywhere: whether there is room in swap.
  var hasSwapRoom: Bool { get }
  /// Pages of all swap areas, used or not.
  var swapPages: Int { get }
  /// The processes, in the kernel's order, for when memory has run out.
  var tasks: [OutOfMemory.Task] { get }
  /// Ends a process and returns the frames that it had, which the model frees.
  mutating func kill(pid: Int) -> [PageFrame]
  /// Objects of names and inodes that are unused.
  var freeableObjects: Int { get }
  /// Looks at so many unused objects of names and inodes, frees what it can, and returns the frames of slabs that became
  /// empty, by order 0.
  mutating func shrinkObjects(_ count: Int) -> (objects: Int, frames: [PageFrame])
  /// A page was moved: its contents and all who map it follow.
  mutating func moved(from source: PageFrame, to target: PageFrame)
}

/// The uses of a page by those who map it.
public struct PageReferences: Hashable, Sendable {
  /// Mappings through which it was used.
  public var count: Int
  /// Whether one of them is of code.
  public var isExecutable: Bool
  /// Whether one of them is locked.
  public var isLocked: Bool

  public init(count: Int = 0, isExecutable: Bool = false, isLocked: Bool = false) {
    self.count = count
    self.isExecutable = isExecutable
    self.isLocked = isLocked
  }
}

/// What evicting a page led to.
public enum Eviction: String, Hashable, Sendable, Codable {
  /// It can be freed at once.
  case freed
  /// It had to be written to swap first, and can be freed.
  case written
  /// It is dirty and of a file: flushers will write it.
  case dirty
  /// It can't be taken away now.
  case kept
}

/// What a pass over the lists did, in pages.
public struct ReclaimCount: Hashable, Sendable, Codable {
  public var scanned = 0
  public var reclaimed = 0
  public var activated = 0
  public var deactivated = 0
  /// Anonymous pages written to swap.
  public var swappedOut = 0
  /// Dirty pages of files that were left to the flushers.
  public var leftDirty = 0
  /// Objects of slab caches that were freed.
  public var slabObjects = 0

  public init() {}

  public static func += (left: inout ReclaimCount, right: ReclaimCount) {
    left.scanned += right.scanned
    left.reclaimed += right.reclaimed
    left.activated += right.activated
    left.deactivated += right.deactivated
    left.swappedOut += right.swappedOut
    left.leftDirty += right.leftDirty
    left.slabObjects += right.slabObjects
  }
}

extension PageLists {
  /// A pass of a priority over the lists, until `target` pages were reclaimed or each list had its share looked at.
  ///
  /// Freed frames are handed to `release`. Follows `shrink_lruvec`, `shrink_list`, `shrink_active_list` and
  /// `shrink_folio_list` in mm/vmscan.c, Linux 6.1.
  public mutating func shrink<Driver: PressureDriver & ~Copyable>(
    balance: ScanBalance, target: Int, pageSize: Int, driver: inout Driver,
    release: (PageFrame) -> Void
  ) -> ReclaimCount {
    var count = ReclaimCount()
    var left = [
      balance.scan.inactiveAnonymous, balance.scan.activeAnonymous, balance.scan.inactiveFile,
      balance.scan.activeFile,
    ]
    let full = left
    var isCut = false
    while left[0] > 0 || left[2] > 0 || left[3] > 0 {
      for list in [List.inactiveAnonymous, .activeAnonymous, .inactiveFile, .activeFile] {
        let part = min(left[list.rawValue], ScanBalance.cluster)
        if part == 0 { continue }
        left[list.rawValue] -= part
        if list.isActive {
          if isInactiveLow(list.kind, pageSize: pageSize) {
            count += shrinkActive(list, part, driver: &driver)
          }
        } else {
          count += shrinkInactive(list, part, driver: &driver, release: release)
        }
      }
      if count.reclaimed < target || isCut { continue }
      isCut = Self.cut(&left, full: full)
      if !isCut { break }
    }
    // Anonymous pages age even where they are not reclaimed.
    if driver.hasSwapRoom, isInactiveLow(.anonymous, pageSize: pageSize) {
      count += shrinkActive(.activeAnonymous, ScanBalance.cluster, driver: &driver)
    }
    return count
  }

  /// Enough was reclaimed: the kind with less left to look at is done, and the other one is looked at in proportion.
  /// False if nothing is left of one of them.
  private static func cut(_ left: inout [Int], full: [Int]) -> Bool {
    let anonymous = left[0] + left[1]
    let file = left[2] + left[3]
    if anonymous == 0 || file == 0 { return false }
    let isFileSmaller = file <= anonymous
    let smaller = isFileSmaller ? 2 : 0
    let larger = isFileSmaller ? 0 : 2
    let percent = (isFileSmaller ? file : anonymous) * 100 / (full[smaller] + full[smaller + 1] + 1)
    left[smaller] = 0
    left[smaller + 1] = 0
    for list in [larger, larger + 1] {
      let done = full[list] - left[list]
      left[list] = full[list] * (100 - percent) / 100
      left[list] -= min(left[list], done)
    }
    return true
  }

  private func isInactiveLow(_ kind: Kind, pageSize: Int) -> Bool {
    ScanBalance.isInactiveLow(
      inactive: count(.of(kind, isActive: false)), active: count(.of(kind, isActive: true)),
      pageSize: pageSize)
  }

  private mutating func shrinkActive<Driver: PressureDriver & ~Copyable>(
    _ list: List, _ pages: Int, driver: inout Driver
  ) -> ReclaimCount {
    var count = ReclaimCount()
    for _ in 0..<pages {
      guard let frame = tail(list) else { break }
      let references = driver.references(frame)
      if references.isLocked {
        move(frame, to: .unevictable)
      } else if references.count > 0, references.isExecutable, list.kind == .file {
        move(frame, to: list)
      } else {
        move(frame, to: .of(list.kind, isActive: false))
        count.deactivated += 1
      }
    }
    return count
  }

  private mutating func shrinkInactive<Driver: PressureDriver & ~Copyable>(
    _ list: List, _ pages: Int, driver: inout Driver, release: (PageFrame) -> Void
  ) -> ReclaimCount {
    var count = ReclaimCount()
    // Pages that are put back must not be met again in the same turn.
    for _ in 0..<min(pages, self.count(list)) {
      guard let frame = tail(list) else { break }
      count.scanned += 1
      let references = driver.references(frame)
      let wasMarked = takeReferenced(frame)
      if references.isLocked {
        move(frame, to: .unevictable)
        continue
      }
      if references.count > 0 {
        setReferenced(frame)
        if wasMarked || references.count > 1 || references.isExecutable && list.kind == .file {
          move(frame, to: .of(list.kind, isActive: true))
          count.activated += 1
        } else {
          move(frame, to: list)
        }
        continue
      }
      switch driver.evict(frame, list.kind) {
      case .freed: count.reclaimed += 1
      case .written:
        count.reclaimed += 1
        count.swappedOut += 1
        noteCost(list.kind, pages: 1)
      case .dirty:
        count.leftDirty += 1
        move(frame, to: .of(list.kind, isActive: true))
        continue
      case .kept:
        move(frame, to: list)
        continue
      }
      remove(frame)
      release(frame)
    }
    return count
  }
}
