public import KernelTypes

/// The lists of pages in use by how lately they were used: active and inactive, anonymous and of files.
///
/// Pages come on at the head and are looked at from the tail. A page frame is on one list at most. Follows mm/swap.c and
/// the LRU part of mm/vmscan.c, Linux 6.1; 12 bytes a frame from the first to the last.
public struct PageLists: Sendable {
  /// What a page holds.
  public enum Kind: String, Hashable, Sendable, Codable {
    case anonymous
    case file
  }

  /// A list, in the kernel's order.
  public enum List: Int, Hashable, Sendable, CaseIterable {
    case inactiveAnonymous
    case activeAnonymous
    case inactiveFile
    case activeFile
    case unevictable

    public var isActive: Bool { self == .activeAnonymous || self == .activeFile }
    public var kind: Kind {
      self == .inactiveAnonymous || self == .activeAnonymous ? .anonymous : .file
    }

    static func of(_ kind: Kind, isActive: Bool) -> List {
      switch kind {
      case .anonymous: isActive ? .activeAnonymous : .inactiveAnonymous
      case .file: isActive ? .activeFile : .inactiveFile
      }
    }
  }

  private struct Entry {
    var next: Int32 = -1
    var previous: Int32 = -1
    // The list's number and one; 0 is no list.
    var list: UInt8 = 0
    var isReferenced = false
    var isFile = false
  }

  /// The frame of index 0.
  public let base: PageFrame
  private var entries: [Entry] = []
  private var heads = [Int32](repeating: -1, count: List.allCases.count)
  private var tails = [Int32](repeating: -1, count: List.allCases.count)
  private var counts = [Int](repeating: 0, count: List.allCases.count)
  /// Whether new anonymous pages start on the active list: up to 5.8.
  public let startsAnonymousActive: Bool
  /// What the lists cost: pages that came back or were written, by kind.
  public private(set) var anonymousCost = 0
  public private(set) var fileCost = 0

  /// Empty lists for frames from `base` on.
  public init(base: PageFrame = PageFrame(0), kernel: KernelVersion = KernelVersion(6, 1)) {
    self.base = base
    startsAnonymousActive = kernel < KernelVersion(5, 9)
  }

  // MARK: - What is on them

  /// Pages on a list.
  public func count(_ list: List) -> Int { counts[list.rawValue] }

  /// The sizes of the lists that are scanned.
  public var sizes: ScanBalance.Sizes {
    ScanBalance.Sizes(
      inactiveAnonymous: count(.inactiveAnonymous), activeAnonymous: count(.activeAnonymous),
      inactiveFile: count(.inactiveFile), activeFile: count(.activeFile))
  }

  /// The list a page is on.
  public func list(of frame: PageFrame) -> List? {
    guard let index = index(frame), entries.indices.contains(index), entries[index].list > 0 else {
      return nil
    }
    return List(rawValue: Int(entries[index].list) - 1)
  }

  /// The page that is looked at next on a list.
  public func tail(_ list: List) -> PageFrame? {
    let index = tails[list.rawValue]
    return index < 0 ? nil : frame(Int(index))
  }

  private func index(_ frame: PageFrame) -> Int? {
    guard frame >= base, frame.rawValue - base.rawValue < UInt64(Int32.max) else { return nil }
    return Int(frame.rawValue - base.rawValue)
  }

  private func frame(_ index: Int) -> PageFrame { PageFrame(base.rawValue + UInt64(index)) }

  // MARK: - Changes

  /// Puts a new page on the list of its kind; false if it is on one already. Follows `folio_add_lru`.
  @discardableResult
  public mutating func add(_ frame: PageFrame, _ kind: Kind, isActive: Bool? = nil) -> Bool {
    guard let index = index(frame) else { return false }
    if index >= entries.count {
      entries.append(
        contentsOf: repeatElement(Entry(), count: max(index + 1 - entries.count, entries.count)))
    }
    guard entries[index].list == 0 else { return false }
    entries[index] = Entry()
    entries[index].isFile = kind == .file
    insert(index, .of(kind, isActive: isActive ?? (kind == .anonymous && startsAnonymousActive)))
    return true
  }

  /// Takes a page off its list, because it is freed; false if it is on none.
  @discardableResult
  public mutating func remove(_ frame: PageFrame) -> Bool {
    guard let list = list(of: frame), let index = index(frame) else { return false }
    unlink(index, list)
    entries[index] = Entry()
    return true
  }

  /// Notes a use by the kernel itself, such as read: the second one activates. Follows `folio_mark_accessed`.
  public mutating func markAccessed(_ frame: PageFrame) {
    guard let list = list(of: frame), let index = index(frame) else { return }
    if !entries[index].isReferenced {
      entries[index].isReferenced = true
    } else if !list.isActive, list != .unevictable {
      move(index, from: list, to: .of(list.kind, isActive: true))
      entries[index].isReferenced = false
    }
  }

  /// Locks a page into memory, or lets it go again (`mlock`).
  public mutating func setUnevictable(_ frame: PageFrame, _ isUnevictable: Bool) {
    guard let list = list(of: frame), let index = index(frame),
      (list == .unevictable) != isUnevictable
    else { return }
    move(
      index, from: list,
      to: isUnevictable
        ? .unevictable : .of(entries[index].isFile ? .file : .anonymous, isActive: false))
  }

  mutating func move(_ frame: PageFrame, to list: List) {
    guard let old = self.list(of: frame), let index = index(frame) else { return }
    move(index, from: old, to: list)
  }

  /// Reads and clears the mark that `markAccessed` left.
  mutating func takeReferenced(_ frame: PageFrame) -> Bool {
    guard let index = index(frame), entries.indices.contains(index) else { return false }
    defer { entries[index].isReferenced = false }
    return entries[index].isReferenced
  }

  mutating func setReferenced(_ frame: PageFrame) {
    if let index = index(frame), entries.indices.contains(index) {
      entries[index].isReferenced = true
    }
  }

  private mutating func move(_ index: Int, from old: List, to list: List) {
    unlink(index, old)
    insert(index, list)
  }

  private mutating func insert(_ index: Int, _ list: List) {
    let head = heads[list.rawValue]
    entries[index].list = UInt8(list.rawValue + 1)
    entries[index].previous = -1
    entries[index].next = head
    if head >= 0 {
      entries[Int(head)].previous = Int32(index)
    } else {
      tails[list.rawValue] = Int32(index)
    }
    heads[list.rawValue] = Int32(index)
    counts[list.rawValue] += 1
  }

  private mutating func unlink(_ index: Int, _ list: List) {
    let entry = entries[index]
    if entry.previous >= 0 {
      entries[Int(entry.previous)].next = entry.next
    } else {
      heads[list.rawValue] = entry.next
    }
    if entry.next >= 0 {
      entries[Int(entry.next)].previous = entry.previous
    } else {
      tails[list.rawValue] = entry.previous
    }
    counts[list.rawValue] -= 1
  }

  /// Notes that so many pages of a kind had to be written or read again. Follows `lru_note_cost` in mm/swap.c.
  public mutating func noteCost(_ kind: Kind, pages: Int) {
    switch kind {
    case .anonymous: anonymousCost += pages
    case .file: fileCost += pages
    }
    if anonymousCost + fileCost > sizes.total / 4 {
      anonymousCost /= 2
      fileCost /= 2
    }
  }

  /// What is wrong with the lists, if anything.
  public func checkInvariants() -> String? {
    var seen = 0
    for list in List.allCases {
      var length = 0
      var previous: Int32 = -1
      var index = heads[list.rawValue]
      while index >= 0 {
        let entry = entries[Int(index)]
        if Int(entry.list) != list.rawValue + 1 {
          return "frame \(frame(Int(index))) is on a list it does not know of"
        }
        if entry.previous != previous {
          return "frame \(frame(Int(index))) has another predecessor"
        }
        length += 1
        if length > entries.count { return "list \(list) goes round" }
        previous = index
        index = entry.next
      }
      if tails[list.rawValue] != previous { return "list \(list) has another tail" }
      if length != counts[list.rawValue] {
        return "list \(list) has \(length) pages, \(counts[list.rawValue]) counted"
      }
      seen += length
    }
    let listed = entries.count { $0.list > 0 }
    return listed == seen ? nil : "\(listed) pages say they are listed, \(seen) are"
  }
}
