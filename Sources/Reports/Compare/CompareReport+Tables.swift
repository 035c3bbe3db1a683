import Analysis
import KernelTypes
import Replay

extension CompareReport {
  private func table(_ title: String) -> TextTable {
    TextTable([.init(title, isNumber: false, limit: 60)] + findings.allocators.map { .init(name($0)) })
  }

  /// What the pages of each hold at the end.
  var footprintTable: TextTable {
    var table = table("At the end")
    func add(_ name: String, _ value: (ReplayFindings, SlabFigures) -> String) {
      table.add([name] + findings.allocators.map { value($0, $0.outcome.end.modelled) })
    }
    add("live objects") { Units.count($1.live.objects) }
    add("requested") { Units.bytes($1.live.requestedBytes) }
    add("object waste") { Units.bytes($1.live.wastedBytes) }
    add("free slots") { Units.bytes($1.freeSlotBytes) }
    add("padding") { Units.bytes($1.paddingBytes) }
    add("management") { Units.bytes($1.managementBytes) }
    add("slab pages") { Units.count($1.slabPages) }
    add("footprint") { Units.bytes($0.slabBytes($1)) }
    add("wasted beyond the request") { Units.bytes($0.footprintWastedBytes($1)) }
    add("share wasted") { Units.percent($0.footprintWastedPercent($1)) }
    add("slab pages, peak") { findings, _ in Units.count(findings.outcome.peakSlabPages) }
    return table
  }

  /// Blocks taken from the page allocator, by order.
  var pagesTable: TextTable {
    var table = table("Taken from the page allocator")
    let orders = findings.allocators.map(\.outcome.pageAllocations.count).max() ?? 0
    for order in 0..<orders {
      let counts = findings.allocators.map { $0.outcome.pageAllocations[order] }
      if counts.contains(where: { $0 > 0 }) { table.add(["blocks of order \(order)"] + counts.map { Units.count($0) }) }
    }
    table.add(["large kmallocs"] + findings.allocators.map { Units.count($0.outcome.largeAllocations) })
    return table
  }

  /// Slab pages of each at the trace's markers.
  func markTable(limit: Int) -> TextTable {
    var columns: [TextTable.Column] = [
      .init("Slab pages at marker", isNumber: false, limit: 60), .init("At"), .init("Requested"),
    ]
    columns += findings.allocators.map { .init(name($0)) }
    var table = TextTable(columns)
    let marks = findings.allocators.map(\.outcome.marks)
    for (index, mark) in (marks.first ?? []).prefix(limit).enumerated() {
      table.add(
        [
          mark.text, Units.duration(mark.atNanoseconds, isTicks: subject.isTicks),
          Units.bytes(mark.modelled.live.requestedBytes),
        ] + marks.map { index < $0.count ? Units.count($0[index].modelled.slabPages) : "" })
    }
    return table
  }
}
