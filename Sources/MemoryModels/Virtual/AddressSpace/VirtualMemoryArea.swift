/// What may be done with the pages of a mapping, and how they come to be.
public struct AreaFlags: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let read = AreaFlags(rawValue: 1 << 0)
  public static let write = AreaFlags(rawValue: 1 << 1)
  public static let execute = AreaFlags(rawValue: 1 << 2)
  public static let shared = AreaFlags(rawValue: 1 << 3)
  /// A stack: grows when an address below it is touched (`VM_GROWSDOWN`).
  public static let growsDown = AreaFlags(rawValue: 1 << 4)
  /// Stays in memory (`VM_LOCKED`).
  public static let locked = AreaFlags(rawValue: 1 << 5)
  /// Not charged against the commit limit unless overcommit is off (`VM_NORESERVE`).
  public static let noReserve = AreaFlags(rawValue: 1 << 6)
  /// Charged against the commit limit (`VM_ACCOUNT`).
  public static let accounted = AreaFlags(rawValue: 1 << 7)
  /// Pages of the huge-page pool (`VM_HUGETLB`).
  public static let hugeTLB = AreaFlags(rawValue: 1 << 8)
  /// `MADV_HUGEPAGE` was given.
  public static let wantsHugePages = AreaFlags(rawValue: 1 << 9)
  /// `MADV_NOHUGEPAGE` was given.
  public static let refusesHugePages = AreaFlags(rawValue: 1 << 10)
  /// Frames that are no ordinary pages: vvar, vdso, devices (`VM_PFNMAP`, `VM_MIXEDMAP`, `VM_IO`).
  public static let special = AreaFlags(rawValue: 1 << 11)
  /// Not in the child after fork (`VM_DONTCOPY`).
  public static let notInChildren = AreaFlags(rawValue: 1 << 12)

  /// The permissions alone.
  public static let access: AreaFlags = [.read, .write, .execute]

  /// The permissions as /proc/PID/maps prints them, such as `rw-p`.
  public var permissions: String {
    (contains(.read) ? "r" : "-") + (contains(.write) ? "w" : "-") + (contains(.execute) ? "x" : "-")
      + (contains(.shared) ? "s" : "p")
  }
}

/// A file that is mapped, by its number in `VirtualMemory`; 0 is none.
@frozen
public struct FileID: Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let none = FileID(rawValue: 0)
}

/// A mapping: a range of addresses with the same backing and permissions (`struct vm_area_struct`).
public struct VirtualMemoryArea: Hashable, Sendable {
  public var start: UInt64
  /// The first address behind it.
  public var end: UInt64
  public var flags: AreaFlags
  public var file: FileID
  /// The first page's place in the file; for anonymous memory, the first page's number (`vm_pgoff`).
  public var pageOffset: UInt64
  /// The tree of anonymous pages it shares with neighbours and relatives (`anon_vma`); 0 before the first page.
  var anonymousRoot: UInt32 = 0
  /// Whether that tree has no ancestors, so that other mappings may join.
  var isRootSingular = true

  public init(start: UInt64, end: UInt64, flags: AreaFlags, file: FileID = .none, pageOffset: UInt64) {
    self.start = start
    self.end = end
    self.flags = flags
    self.file = file
    self.pageOffset = pageOffset
  }

  public var bytes: UInt64 { end - start }
  /// Whether pages that nobody wrote come from nowhere.
  public var isAnonymous: Bool { file == .none && !flags.contains(.special) }
  /// Whether a write goes to a copy.
  public var isPrivate: Bool { !flags.contains(.shared) }
  public var isAccessible: Bool { !flags.isDisjoint(with: .access) }

  @inline(__always)
  func contains(_ address: UInt64) -> Bool { address >= start && address < end }

  /// The place in the file of the page at `address`.
  @inline(__always)
  func pageIndex(of address: UInt64, shift: Int) -> UInt64 {
    pageOffset &+ (address &- start) >> UInt64(truncatingIfNeeded: shift)
  }

  /// Whether `next` may become part of this one: the same flags and file, places in a row, pages of one tree.
  ///
  /// Follows `can_vma_merge_after` in mm/mmap.c, Linux 6.1. `relative` is the existing one of the two.
  func canMerge(with next: VirtualMemoryArea, shift: Int, relative: VirtualMemoryArea?) -> Bool {
    end == next.start && flags == next.flags && file == next.file && !flags.contains(.special)
      && pageOffset &+ bytes >> UInt64(shift) == next.pageOffset
      && Self.canShareRoot(anonymousRoot, next.anonymousRoot, relative)
  }

  /// Follows `is_mergeable_anon_vma` in mm/mmap.c, Linux 6.1.
  static func canShareRoot(_ first: UInt32, _ second: UInt32, _ relative: VirtualMemoryArea?) -> Bool {
    if first == 0 || second == 0, relative.map({ $0.anonymousRoot == 0 || $0.isRootSingular }) ?? true { return true }
    return first == second
  }
}
