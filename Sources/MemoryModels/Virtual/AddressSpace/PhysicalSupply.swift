public import KernelTypes

/// Where page frames come from: a modelled machine, or, when a trace says which frame each request got, numbers alone.
public final class PhysicalSupply {
  // See `VirtualMemory` on unchecked exclusivity.
  @exclusivity(unchecked) private var machine: Machine
  /// Whether frames are only counted and never run out.
  public let isUnlimited: Bool
  /// Frames handed out, by order.
  @exclusivity(unchecked) public private(set) var allocations = [Int](repeating: 0, count: 16)
  @exclusivity(unchecked) public private(set) var framesInUse = 0
  /// All memory, in pages.
  public let totalPages: Int
  private var nextFrame: UInt64 = 0
  // Numbers that were given back, by order.
  private var returned = [[UInt64]](repeating: [], count: 16)
  @exclusivity(unchecked) private var requests = 0
  // Flags of users' pages and of tables: made once, since sets of other modules are slow to make.
  private let userFlags: GFPFlags = [.kernel, .hardWall, .highMemory, .movable]
  private let tableFlags: GFPFlags = [.kernel, .account, .zero]

  /// The memory of a machine that just booted.
  public init(profile: KernelProfile, totalBytes: UInt64) {
    // Frame 0 stands for the shared page of zeros, which is the kernel's.
    let end = PageFrame(totalBytes / UInt64(profile.pageSize))
    machine = Machine(profile: profile, ranges: [PageFrame(1)..<end])
    machineEnd = Int(end.rawValue)
    isUnlimited = false
    totalPages = machine.freePages + machine.pagesInPerCPULists
  }

  /// Frames without end that only have numbers.
  public init(unlimited totalPages: Int) {
    machine = Machine(profile: KernelProfile(), spans: [])
    machineEnd = 0
    isUnlimited = true
    self.totalPages = totalPages
  }

  /// The first frame that is not there; 0 if there is no end.
  var frameEnd: Int { isUnlimited ? 0 : machineEnd }
  private let machineEnd: Int

  /// Free pages, on per-CPU lists or not.
  public var freePages: Int { isUnlimited ? .max : machine.freePages + machine.pagesInPerCPULists }

  /// Hands out a block, or `nil` when memory is short. `isMovable` is the migrate type of user pages.
  func allocate(order: Int = 0, isMovable: Bool) -> UInt64? {
    if isUnlimited {
      count(order)
      if let again = returned[order].popLast() { return again }
      // Blocks are aligned to their size, so that entries can name them.
      let pages = UInt64(1) << UInt64(order)
      let start = (nextFrame + pages) & ~(pages - 1)
      nextFrame = start + pages - 1
      return start
    }
    guard
      let frame = machine.allocate(
        order: order, migrateType: isMovable ? .movable : .unmovable, flags: isMovable ? userFlags : tableFlags)
    else { return nil }
    count(order)
    return frame.rawValue
  }

  private func count(_ order: Int) {
    allocations[order] += 1
    framesInUse += 1 << order
  }

  func free(_ frame: UInt64, order: Int = 0) {
    framesInUse -= 1 << order
    if isUnlimited { return returned[order].append(frame) }
    machine.free(PageFrame(frame), order: order)
  }

  /// Free pages that a request's marks count: those on per-CPU lists are not among them.
  var freeInZones: Int { isUnlimited ? .max : machine.freePages }

  /// Gives pages on per-CPU lists back to the zones.
  func drain() { if !isUnlimited { machine.drain(cpu: 0) } }

  /// Whether less than the low marks is free; looks at the zones once in sixteen requests.
  func isShort() -> Bool {
    requests &+= 1
    if isUnlimited || requests & 15 != 0 { return false }
    return machine.freePages < lowMarkPages
  }

  /// Pages that must stay free for a request to go ahead without reclaim: the low marks of all zones.
  var lowMarkPages: Int { marks { $0.low } }
  var highMarkPages: Int { marks { $0.high } }

  private func marks(_ mark: (Watermarks) -> Int) -> Int {
    if isUnlimited { return 0 }
    var sum = 0
    for index in 0..<machine.zoneCount { sum += mark(machine[zone: index].watermarks) }
    return sum
  }
}
