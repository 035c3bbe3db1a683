import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

/// How well a model that chooses page frames did, and how its lists compare with the kernel's at the end.
public struct PageFrameFindings: Sendable {
  /// The lists of a zone at the end, modelled and observed.
  public struct ListComparison: Sendable, Equatable {
    public var zone: String
    /// Lists of the buddy allocator by order and type that either side has blocks on, and those that are equal in order.
    public var freeLists: Grade
    /// Blocks on the kernel's lists, and those that the model has on the same list.
    public var freeBlocks: Grade
    /// The same for the CPUs' lists.
    public var perCPULists: Grade
    public var perCPUBlocks: Grade
    /// Pageblocks, and those whose type is the same.
    public var pageblocks: Grade
  }

  /// Free blocks of a zone by order and migrate type, modelled and in pagetypeinfo.
  public struct TypeComparison: Sendable, Equatable {
    public var zone: ZoneID
    public var type: String
    public var predicted: [UInt64]
    public var observed: [UInt64]
    /// The orders at which the kernel stopped counting, so that there may be more.
    public var cappedOrders: [Int]

    init(zone: ZoneID, type: String, predicted: [UInt64], counts: [PageTypeInfo.Count]) {
      self.zone = zone
      self.type = type
      self.predicted = predicted
      observed = counts.map(\.blocks)
      cappedOrders = counts.indices.filter { counts[$0].isCapped }
    }

    /// Whether neither side has a block.
    var isEmpty: Bool { predicted.allSatisfy { $0 == 0 } && observed.allSatisfy { $0 == 0 } }
    /// Orders at which the two agree; all that the kernel counted have to be there.
    public var equalOrders: Int {
      zip(predicted, observed).enumerated().count { order, blocks in
        cappedOrders.contains(order) ? blocks.0 >= blocks.1 : blocks.0 == blocks.1
      }
    }
    public var isEqual: Bool { predicted.count == observed.count && equalOrders == observed.count }
  }

  public var start: MachineStart.Knowledge
  /// How the machine was made, for a trace that begins at boot.
  public var boot: BootSummary?
  public var grades: PageFrameGrades
  /// How memory was short, if the trace has events of reclaim.
  public var pressure: PressureGrades?
  /// What the model itself said of pressure.
  public var counts = PressureCounts()
  /// The same replay under other settings.
  public var settings: ReplaySettings?
  /// The node of each CPU, if there are several.
  public var cpuNodes: [Int] = []
  /// Against a dump from after; empty without one.
  public var lists: [ListComparison] = []
  /// Against pagetypeinfo from after; empty without it.
  public var types: [TypeComparison] = []

  /// Compares a machine with the snapshot from after.
  public init(
    start: MachineStart.Knowledge, grades: PageFrameGrades, pressure: PressureGrades? = nil,
    machine: borrowing Machine, after: Snapshot?
  ) {
    self.start = start
    self.pressure = pressure
    self.grades = grades
    let policy = machine.profile.pageAllocator
    if let dump = after?.freeLists {
      for zone in dump.zones {
        guard let index = machine.zoneIndex(of: PageFrame(zone.span.lowerBound)) else { continue }
        lists.append(Self.compare(machine, index, zone, policy))
      }
    }
    if let info = after?.pageTypeInfo { types = Self.compare(machine, info, policy) }
  }

  private static func compare(
    _ machine: borrowing Machine, _ index: Int, _ dump: FreeListDump.Zone, _ policy: PageAllocatorPolicy
  ) -> ListComparison {
    var result = ListComparison(
      zone: machine.nodes.count > 1 ? "node \(dump.node) \(dump.name)" : dump.name, freeLists: Grade(),
      freeBlocks: Grade(), perCPULists: Grade(), perCPUBlocks: Grade(),
      pageblocks: Grade())
    let types = (0..<6).compactMap { number in
      MigrateType(number: number, numbering: policy.numbering, hasContiguous: policy.hasContiguous)
        .map { (number, $0) }
    }
    for order in 0...policy.maximumOrder {
      for (number, type) in types {
        let observed =
          order < dump.freeLists.count ? dump.freeLists[order].first { $0.number == number }?.frames ?? [] : []
        let modelled = machine[zone: index].freeList(order: order, type: type).map(\.rawValue)
        add(observed, modelled, &result.freeLists, &result.freeBlocks)
      }
    }
    let small = 3 * (policy.perCPUMaximumOrder + 1)
    for cpu in dump.perCPU where cpu.cpu < machine.profile.cpuCount {
      for list in 0..<small + policy.perCPUPageblockLists {
        let order = list < small ? list / 3 : policy.pageblockOrder
        let number = list < small ? list % 3 : policy.perCPUPageblockLists == 2 && list > small ? 1 : list - small
        guard let type = MigrateType(number: number, numbering: policy.numbering) else { continue }
        let observed = cpu.lists.first { $0.number == list }?.frames ?? []
        let modelled = machine[zone: index].perCPUList(cpu: cpu.cpu, order: order, type: type).map(\.rawValue)
        add(observed, modelled, &result.perCPULists, &result.perCPUBlocks)
      }
    }
    for block in dump.pageblocks {
      let type = MigrateType(number: block.type, numbering: policy.numbering, hasContiguous: policy.hasContiguous)
      let isEqual = machine[zone: index].pageblockType(of: PageFrame(block.frame)) == type
      result.pageblocks.add(isEqual)
    }
    return result
  }

  private static func add(_ observed: [UInt64], _ modelled: [UInt64], _ lists: inout Grade, _ blocks: inout Grade) {
    if observed.isEmpty, modelled.isEmpty { return }
    lists.add(observed == modelled)
    let known = Set(modelled)
    for frame in observed { blocks.add(known.contains(frame)) }
  }

  private static func compare(
    _ machine: borrowing Machine, _ info: PageTypeInfo, _ policy: PageAllocatorPolicy
  ) -> [TypeComparison] {
    var result: [TypeComparison] = []
    for list in info.freeLists {
      guard let kind = MachineStart.kind(list.id.zone), let type = MachineStart.type(named: list.type) else { continue }
      var predicted: [UInt64]?
      for index in 0..<machine.zoneCount
      where machine[zone: index].kind == kind && machine[zone: index].node == list.id.node {
        predicted = list.freeBlocks.indices.map { order in
          order > policy.maximumOrder ? 0 : UInt64(machine[zone: index].freeBlocks(order: order, type: type))
        }
      }
      guard let predicted else { continue }
      let comparison = TypeComparison(
        zone: list.id, type: list.type, predicted: predicted, counts: list.freeBlocks)
      if !comparison.isEmpty { result.append(comparison) }
    }
    return result
  }
}

extension MachineStart {
  /// The type that pagetypeinfo calls by a name.
  static func type(named name: String) -> MigrateType? {
    switch name {
    case "Unmovable": .unmovable
    case "Movable": .movable
    case "Reclaimable": .reclaimable
    case "HighAtomic", "Reserve": .highAtomic
    case "CMA": .contiguous
    case "Isolate": .isolate
    default: nil
    }
  }
}

extension Grade {
  mutating func add(_ isRight: Bool) {
    checked += 1
    if isRight { matched += 1 }
  }
}
