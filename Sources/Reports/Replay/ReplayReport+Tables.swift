import Analysis
import KernelTypes
import Replay

extension ReplayReport {
  /// What the model's pages hold at the end.
  var footprintTable: TextTable {
    let figures = outcome.end.modelled
    let total = findings.slabBytes(figures)
    var table = TextTable([
      .init("At the end", isNumber: false), .init("Bytes"), .init("Share"),
      .init("", isNumber: false, limit: 70, isMinor: true),
    ])
    func add(_ name: String, _ bytes: UInt64, _ meaning: String) {
      let share = total == 0 ? 0 : Double(bytes) / Double(total) * 100
      table.add([name, Units.bytes(bytes), Units.percent(share), meaning])
    }
    add("requested", figures.live.requestedBytes, Units.count(figures.live.objects, "live object", "live objects"))
    add(
      "object waste", figures.live.allocatedBytes &- figures.live.requestedBytes, "slots larger than what was asked for"
    )
    add("free slots", figures.freeSlotBytes, "slots of slabs that hold no object")
    add("padding", figures.paddingBytes, "ends of slabs too short for another slot")
    if figures.managementBytes > 0 { add("management", figures.managementBytes, "the allocator's own data in slabs") }
    add("slab pages", total, Units.count(figures.slabPages, "page", "pages") + ", large kmallocs included")
    return table
  }

  /// The model on its own beside what the trace shows.
  var pagesTable: TextTable {
    var table = TextTable([
      .init("", isNumber: false), .init("Modelled"), .init("Observed"),
      .init("", isNumber: false, limit: 70, isMinor: true),
    ])
    func text(_ count: UInt64?) -> String { count.map { Units.count($0) } ?? "-" }
    table.add([
      "slab pages, end", text(outcome.end.modelled.slabPages), text(outcome.end.observedSlabPages),
      "taken in the trace and not given back",
    ])
    table.add([
      "slab pages, peak", text(outcome.peakSlabPages), text(outcome.observedPeakSlabPages), "each at its own moment",
    ])
    let observed = outcome.observedPageAllocations
    for order in outcome.pageAllocations.indices
    where outcome.pageAllocations[order] > 0 || (observed?[order] ?? 0) > 0 {
      table.add([
        "blocks of order \(order)", text(outcome.pageAllocations[order]), text(observed.map { $0[order] }),
        order == 0 ? "taken for slabs and large kmallocs" : "",
      ])
    }
    return table
  }

  /// How often the model was right about what the trace tells.
  func verificationTable(_ grades: FollowGrades) -> TextTable {
    var table = TextTable([
      .init("Model against trace", isNumber: false), .init("Right"), .init("Of"), .init("Share"),
      .init("", isNumber: false, limit: 80, isMinor: true),
    ])
    func add(_ name: String, _ grade: Grade, _ meaning: String) {
      if grade.checked == 0 { return }
      table.add([
        name, Units.count(grade.matched), Units.count(grade.checked), Grades.percent(grade), meaning,
      ])
    }
    let total = grades.total
    add("bytes_alloc of kmalloc", grades.allocatedBytes, "the size class")
    if grades.isOfSlabs {
      add("object's slab", total.objectAddress, "on slabs taken in the trace; which slot is random on this kernel")
      add("object's slab, old ones", total.oldObjectAddress, "on slabs from before the trace")
    } else {
      add("object address", total.objectAddress, "on slabs taken in the trace, to the byte")
      add("object address, old slabs", total.oldObjectAddress, "on slabs from before the trace")
    }
    add("slab growth", total.slabGrowth, "a new slab of this order, at this event")
    add("slab release", total.slabRelease, "a slab given back")
    if let verification = findings.slabInfo {
      add("slabs in slabinfo", verification.slabs, "caches whose slabs after the trace were predicted to the slab")
      add("geometry in slabinfo", verification.geometry, "caches whose slot, objects per slab and order are right")
    }
    return table
  }

  /// Slabs by cache, from slabinfo before to slabinfo after: those that changed or were wrong.
  func slabInfoTable(_ verification: SlabInfoVerification, limit: Int) -> TextTable {
    var table = TextTable([
      .init("slabinfo: slabs of", isNumber: false), .init("Before"), .init("Predicted after"), .init("Observed after"),
    ])
    func row(_ name: String, _ before: Int64, _ predicted: Int64, _ observed: Int64) {
      table.add([name] + [before, predicted, observed].map { $0 < 0 ? "-" + Units.count(-$0) : Units.count($0) })
    }
    let changed = verification.caches.filter {
      $0.slabsBefore != $0.observedSlabs || $0.predictedSlabs != $0.observedSlabs
    }
    for cache in changed.prefix(limit) {
      row(cache.name, cache.slabsBefore, cache.predictedSlabs, cache.observedSlabs)
    }
    row(
      "all caches with requests", verification.caches.reduce(0) { $0 + $1.slabsBefore }, verification.predictedSlabs,
      verification.observedSlabs)
    return table
  }

  /// Why addresses were missed, by kind.
  func missTable(_ grades: FollowGrades) -> TextTable {
    var table = TextTable([.init("Address missed because", isNumber: false, limit: 90), .init("Times")])
    let misses = grades.total.misses
    for (index, miss) in AddressMiss.allCases.enumerated() where misses[index] > 0 {
      table.add([miss.explanation, Units.count(misses[index])])
    }
    return table
  }

  /// Caches by the pages they hold.
  func cacheTable(limit: Int?) -> TextTable {
    let graded = outcome.grades != nil
    var columns: [TextTable.Column] = [
      .init("Cache", isNumber: false), .init("Slot", isMinor: true), .init("Order", isMinor: true),
      .init("Slots", isMinor: true), .init("Slabs", isMinor: true), .init("Pages"),
      .init("Live"), .init("Object waste"), .init("Free slots"),
    ]
    if graded { columns.append(.init(outcome.grades?.isOfSlabs == true ? "Slabs right" : "Addresses right")) }
    var table = TextTable(columns)
    for cache in outcome.caches.prefix(limit ?? .max) {
      var cells = [
        cache.name, "\(cache.slotSize)", "\(cache.slabOrder)", "\(cache.slotsPerSlab)", Units.count(cache.slabs),
        Units.count(cache.slabPages), Units.count(cache.live.objects), Units.bytes(cache.live.wastedBytes),
        Units.bytes(cache.freeSlotBytes),
      ]
      if graded {
        let grade = cache.grades?.objectAddress ?? Grade()
        cells.append(grade.checked == 0 ? "-" : Grades.percent(grade))
      }
      table.add(cells)
    }
    table.addBars(column: 5, outcome.caches.prefix(limit ?? .max).map { Double($0.slabPages) })
    return table
  }

  /// The state at each trace marker.
  func markTable(limit: Int?) -> TextTable {
    let followed = outcome.grades != nil
    var columns: [TextTable.Column] = [
      .init("Marker", isNumber: false), .init("At"), .init("Requested"), .init("Slab pages modelled"),
    ]
    if followed { columns += [.init("followed"), .init("observed")] }
    let alone = outcome.marks.contains { $0.alone != nil }
    if alone { columns.append(.init("alone")) }
    var table = TextTable(columns)
    for mark in outcome.marks.prefix(limit ?? .max) {
      var cells = [
        mark.text, duration(mark.atNanoseconds), Units.bytes(mark.modelled.live.requestedBytes),
        Units.count(mark.modelled.slabPages),
      ]
      if let pages = mark.followed { cells += [Units.count(pages.predicted), Units.count(pages.observed)] }
      if alone { cells.append(mark.alone.map { Units.count($0) } ?? "-") }
      table.add(cells)
    }
    return table
  }
}

extension AddressMiss {
  var explanation: String {
    switch self {
    case .takenUnseen: "objects before it on the slab were taken by requests without an event (bulk allocation)"
    case .freedUnseen: "it had been freed by requests without an event (bulk free, kfree_rcu)"
    case .kernelGrew: "the kernel took a new slab: its free objects had been taken without an event"
    case .modelGrew: "the model took a new slab, the kernel did not"
    case .otherSlab: "the kernel had gone on to another slab: objects were taken or freed without an event"
    case .otherCPU: "it came from a slab that the model held on another CPU's list"
    }
  }
}
