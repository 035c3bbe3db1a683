/// The pool of huge pages that `hugetlbfs` hands out, by count: what is there, promised, and beyond plan.
///
/// Follows `hugetlb_acct_memory`, `gather_surplus_pages`, `set_max_huge_pages` and `free_huge_page` in mm/hugetlb.c,
/// Linux 6.1.
public struct HugePagePool: Hashable, Sendable {
  /// Bytes of a page.
  public let pageBytes: Int
  /// All pages, surplus ones included (`HugePages_Total`).
  public private(set) var total = 0
  /// Pages nobody has (`HugePages_Free`).
  public private(set) var free = 0
  /// Pages promised and not yet handed out (`HugePages_Rsvd`).
  public private(set) var reserved = 0
  /// Pages beyond `nr_hugepages` (`HugePages_Surp`).
  public private(set) var surplus = 0
  /// The most surplus pages (`nr_overcommit_hugepages`).
  public var surplusLimit: Int

  public init(pageBytes: Int = 2 << 20, surplusLimit: Int = 0) {
    self.pageBytes = pageBytes
    self.surplusLimit = max(surplusLimit, 0)
  }

  /// A pool as its counts say it is; what can't be is made to fit.
  public init(pageBytes: Int, total: Int, free: Int, reserved: Int, surplus: Int, surplusLimit: Int = 0) {
    self.init(pageBytes: pageBytes, surplusLimit: surplusLimit)
    self.total = max(total, 0)
    self.free = min(max(free, 0), self.total)
    self.reserved = min(max(reserved, 0), self.free)
    self.surplus = min(max(surplus, 0), self.total)
  }

  /// Pages that are there to stay.
  public var persistent: Int { total - surplus }
  /// Pages that a mapping without a promise could have.
  public var available: Int { free - reserved }
  /// Bytes that the pool takes from the machine (`Hugetlb`).
  public var bytes: Int { total * pageBytes }

  /// Promises `pages` more, with surplus pages where free ones don't do; false, and nothing changed, if they don't either.
  ///
  /// `makePage` takes a huge page from the page allocator and says whether there was one.
  public mutating func reserve(_ pages: Int, makePage: () -> Bool) -> Bool {
    guard pages > 0 else { return true }
    let needed = reserved + pages - free
    var made = 0
    while made < needed {
      guard surplus + made < surplusLimit, makePage() else { break }
      made += 1
    }
    total += made
    surplus += made
    free += made
    if made < max(needed, 0) {
      releaseSurplus(made)
      return false
    }
    reserved += pages
    return true
  }

  /// Takes promises back that were not used.
  public mutating func unreserve(_ pages: Int) {
    reserved -= min(max(pages, 0), reserved)
    // Surplus pages that nobody waits for go back.
    releaseSurplus(min(surplus, free - reserved))
  }

  private mutating func releaseSurplus(_ pages: Int) {
    let released = min(max(pages, 0), surplus, free)
    total -= released
    surplus -= released
    free -= released
  }

  /// Hands a page out, for a promise or without one; false if there is none.
  public mutating func take(hasReservation: Bool, makePage: () -> Bool) -> Bool {
    if hasReservation {
      guard reserved > 0, free > 0 else { return false }
      reserved -= 1
      free -= 1
      return true
    }
    if available > 0 {
      free -= 1
      return true
    }
    guard surplus < surplusLimit, makePage() else { return false }
    total += 1
    surplus += 1
    return true
  }

  /// Takes a page back; true if it goes back to the page allocator because it was surplus.
  @discardableResult
  public mutating func give() -> Bool {
    guard free < total else { return false }
    if surplus > 0 {
      total -= 1
      surplus -= 1
      return true
    }
    free += 1
    return false
  }

  /// Sets `nr_hugepages`; returns the pages that were given back (negative: taken) by the change.
  ///
  /// A pool that grows turns surplus pages into its own first. One that shrinks gives up free pages that nobody was
  /// promised; the rest of the difference stays as surplus until it is freed.
  @discardableResult
  public mutating func resize(to pages: Int, makePage: () -> Bool) -> Int {
    let wanted = max(pages, 0)
    let before = total
    while surplus > 0, persistent < wanted { surplus -= 1 }
    while persistent < wanted, makePage() {
      total += 1
      free += 1
    }
    let least = max(wanted, reserved + total - free)
    while persistent > least, free > 0, least < total {
      total -= 1
      free -= 1
    }
    while persistent > wanted, surplus < total { surplus += 1 }
    return before - total
  }

  /// What is wrong with the counts, if anything.
  public func checkInvariants() -> String? {
    if free < 0 || free > total { return "\(free) of \(total) pages are free" }
    if reserved < 0 || reserved > free { return "\(reserved) of \(free) free pages are promised" }
    if surplus < 0 || surplus > total { return "\(surplus) of \(total) pages are surplus" }
    return nil
  }
}
