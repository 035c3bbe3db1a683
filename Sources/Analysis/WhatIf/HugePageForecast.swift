public import KernelTypes
import MemoryModels
public import ProcSnapshots

/// What becomes of the pool of huge pages, and of the machine, when the pool is given another size.
///
/// The machine is rebuilt from a snapshot's counts as for `PressureForecast`: which page lies where is not known.
public struct HugePageForecast: Sendable {
  /// The pool's counts, as meminfo names them.
  public struct Pool: Sendable, Hashable {
    public var total: Int
    public var free: Int
    public var reserved: Int
    public var surplus: Int
  }

  /// Why pages of a size can't be had from a running machine.
  public enum Refusal: Error, Sendable, Hashable {
    /// The snapshot lacks zoneinfo, buddyinfo or meminfo, or they make no machine.
    case noMachine
    /// Not a power of two of pages, or not larger than a page.
    case size
    /// Larger than the largest block: such pages are set aside at boot (`hugepagesz= hugepages=`).
    case gigantic(limitBytes: UInt64)
  }

  public private(set) var pageBytes: UInt64
  public private(set) var wanted: Int
  public private(set) var before: Pool
  public private(set) var after: Pool
  /// Pages that were free as whole blocks, and those that reclaim and compaction had to make.
  public private(set) var immediate = 0
  public private(set) var made = 0
  public private(set) var migratedPages = 0
  public private(set) var reclaimedPages = 0
  /// Free bytes of the machine, before and after.
  public private(set) var freeBytesBefore: UInt64
  public private(set) var freeBytesAfter: UInt64

  /// Sets `nr_hugepages` of a page size; the pool of the snapshot's own size begins as it is, others empty.
  public init(
    _ snapshot: Snapshot, _ machine: SnapshotMachine, settings: VirtualMemorySettings, pages: Int, pageBytes: UInt64?
  ) throws(Refusal) {
    guard var world = PressureWorld(snapshot, machine, settings: settings) else { throw .noMachine }
    let own = snapshot.memInfo?["Hugepagesize"].map { min($0, 1 << 40) << 10 } ?? 2 << 20
    let bytes = pageBytes ?? own
    let page = UInt64(machine.pageSize)
    guard bytes > page, bytes.nonzeroBitCount == 1 else { throw .size }
    let order = Order.holding(bytes: bytes, pageSize: page)
    let limit = world.machine.profile.pageAllocator.maximumOrder
    guard order <= limit else { throw .gigantic(limitBytes: page << UInt64(limit)) }
    func count(_ name: String) -> Int { bytes == own ? Int(min(snapshot.memInfo?[name] ?? 0, 1 << 40)) : 0 }
    self.pageBytes = bytes
    wanted = pages
    before = Pool(
      total: count("HugePages_Total"), free: count("HugePages_Free"), reserved: count("HugePages_Rsvd"),
      surplus: count("HugePages_Surp"))
    after = before
    freeBytesBefore = UInt64(world.machine.freePages) * page
    freeBytesAfter = freeBytesBefore
    var pool = HugePagePool(
      pageBytes: Int(clamping: bytes), total: before.total, free: before.free, reserved: before.reserved,
      surplus: before.surplus, surplusLimit: settings.overcommitHugePages)
    let released = resize(&pool, to: pages, order: order, &world)
    after = Pool(total: pool.total, free: pool.free, reserved: pool.reserved, surplus: pool.surplus)
    freeBytesAfter = UInt64(world.machine.freePages) * page + UInt64(released) * bytes
    migratedPages = world.pressure.counters.movedPages
    reclaimedPages = world.pressure.counters.direct.reclaimed + world.pressure.counters.background.reclaimed
  }

  /// Follows `alloc_fresh_huge_page` and `set_max_huge_pages` in mm/hugetlb.c, Linux 6.1.
  private mutating func resize(
    _ pool: inout HugePagePool, to pages: Int, order: Int, _ world: inout PressureWorld
  ) -> Int {
    var immediate = 0
    var made = 0
    // Surplus pages become the pool's own first. All are taken before, as the closure can't capture the world.
    var wanted = pages - pool.total
    var got = 0
    while wanted > 0 {
      let compactions = world.pressure.counters.compactions
      let reclaims = world.pressure.counters.directReclaims
      guard world.takeHugePage(order: order) else { break }
      let isImmediate =
        world.pressure.counters.compactions == compactions && world.pressure.counters.directReclaims == reclaims
      if isImmediate { immediate += 1 } else { made += 1 }
      got += 1
      wanted -= 1
    }
    let released = pool.resize(to: pages) {
      guard got > 0 else { return false }
      got -= 1
      return true
    }
    self.immediate = immediate
    self.made = made
    return max(released, 0)
  }
}
