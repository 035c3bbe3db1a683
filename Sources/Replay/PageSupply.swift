import KernelTypes
import MemoryModels
import TraceEvents

/// The pages a replay runs on: a modelled machine, whose free memory at the start is what the trace shows to have been
/// free, and on which the trace's other page requests are made too.
struct PageSupply: ~Copyable {
  // Frames that a machine too small for the replay doesn't have are numbered from here.
  private static let borrowedFrames: UInt64 = 1 << 44

  private var machine: Machine
  private let cpuLimit: Int
  private let maximumOrder: Int
  private let numbering: MigrateType.Numbering
  private let hasContiguous: Bool
  private let strings: StringInterner
  // The flags of each gfp text by StringID.
  private var flags: [GFPFlags?] = []
  private var nextBorrowed = PageSupply.borrowedFrames
  /// Pages handed out that the machine did not have.
  private(set) var borrowedPages: UInt64 = 0

  init(profile: KernelProfile, free: [Range<PageFrame>], strings: StringInterner) {
    machine = Machine(profile: profile, ranges: free, cpuLimit: profile.cpuCount)
    cpuLimit = max(profile.cpuCount, 1)
    maximumOrder = profile.pageAllocator.maximumOrder
    numbering = profile.pageAllocator.numbering
    hasContiguous = profile.pageAllocator.hasContiguous
    self.strings = strings
  }

  /// Free pages of the machine, those on per-CPU lists included.
  var freePages: UInt64 {
    let pages = UInt64(machine.freePages + machine.pagesInPerCPULists)
    return pages > borrowedPages ? pages - borrowedPages : 0
  }

  /// A block for the modelled allocator.
  mutating func allocate(order: Int, cpu: Int) -> UInt64 {
    take(order, .unmovable, .kernel, cpu)
  }

  /// A block for whoever else the trace shows taking one.
  mutating func background(order: Int, migrateType: UInt8, gfp: StringID, cpu: Int) -> UInt64 {
    let type = MigrateType(number: Int(migrateType), numbering: numbering, hasContiguous: hasContiguous)
    return take(order, type ?? .unmovable, flags(gfp), min(cpu, cpuLimit - 1))
  }

  @inline(__always)
  private mutating func take(_ order: Int, _ type: MigrateType, _ flags: GFPFlags, _ cpu: Int) -> UInt64 {
    if order <= maximumOrder,
      let frame = machine.allocate(order: order, migrateType: type, flags: flags, cpu: cpu)
    {
      return frame.rawValue
    }
    return borrow(order)
  }

  @inline(never)
  private mutating func borrow(_ order: Int) -> UInt64 {
    let pages = Order.pages(order)
    let frame = (nextBorrowed + pages - 1) & ~(pages - 1)
    nextBorrowed = frame + pages
    borrowedPages += pages
    return frame
  }

  mutating func free(frame: UInt64, order: Int, cpu: Int) {
    if frame >= Self.borrowedFrames {
      borrowedPages &-= Order.pages(order)
      return
    }
    machine.free(PageFrame(frame), order: order, cpu: min(cpu, cpuLimit - 1))
  }

  private mutating func flags(_ gfp: StringID) -> GFPFlags {
    if gfp.index < flags.count, let known = flags[gfp.index] { return known }
    while flags.count <= gfp.index { flags.append(nil) }
    let parsed = GFPFlags(parsing: strings.string(gfp))
    flags[gfp.index] = parsed
    return parsed
  }
}
