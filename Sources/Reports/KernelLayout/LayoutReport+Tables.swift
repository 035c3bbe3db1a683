import Analysis
import KernelTypes
import MemoryModels
import ProcSnapshots

extension LayoutReport {
  var sections: [(title: String, table: TextTable)] {
    var sections = [("Address space (modelled)", regionTable)]
    if let image = findings.image {
      sections.append(("Kernel image (observed: \(findings.imageForm?.rawValue ?? ""))", imageTable(image)))
    }
    if let vmalloc = findings.vmalloc {
      sections.append(("vmalloc space (observed: vmallocinfo)", useTable(vmalloc)))
      let shown = min(vmalloc.callers.count, top ?? Self.standardTop)
      let part = shown < vmalloc.callers.count ? " (\(shown) of \(Units.count(vmalloc.callers.count)))" : ""
      sections.append(("vmalloc callers" + part, callerTable(vmalloc)))
    }
    if !findings.allocations.isEmpty { sections.append(("Requests (modelled)", allocationTable)) }
    return sections
  }

  private var regionTable: TextTable {
    var table = TextTable([
      .init("area", isNumber: false), .init("first"), .init("last"), .init("size"),
      .init("what it is", isNumber: false, limit: 72),
    ])
    for region in layout.regions {
      table.add([region.name, address(region.first), address(region.last), Self.size(region.size), region.note])
    }
    return table
  }

  private func imageTable(_ image: KernelImage) -> TextTable {
    var table = TextTable([
      .init("section", isNumber: false), .init("start"), .init("end"), .init("size"), .init("alignment"),
      .init("hole before"),
    ])
    for placed in image.sections {
      let section = placed.section
      let alignment = section.alignment > 0 ? section.alignment : section.actualAlignment
      table.add([
        section.name, address(section.start), address(section.end), Units.bytes(section.size), Units.bytes(alignment),
        placed.holeBefore == 0 ? "" : Units.bytes(placed.holeBefore),
      ])
    }
    return table
  }

  private func useTable(_ vmalloc: VmallocFindings) -> TextTable {
    var table = TextTable([.init("use", isNumber: false), .init("areas"), .init("addresses")])
    for use in vmalloc.uses { table.add([use.use, Units.count(use.areas), Units.bytes(use.bytes)]) }
    return table
  }

  private func callerTable(_ vmalloc: VmallocFindings) -> TextTable {
    var table = TextTable([
      .init("caller", isNumber: false), .init("areas"), .init("addresses"), .init("pages"),
    ])
    for caller in vmalloc.callers.prefix(top ?? Self.standardTop) {
      table.add([caller.name, Units.count(caller.areas), Units.bytes(caller.bytes), Units.count(caller.pages)])
    }
    return table
  }

  private var allocationTable: TextTable {
    var table = TextTable([
      .init("bytes"), .init("kmalloc", isNumber: false), .init("waste"), .init("vmalloc", isNumber: false),
      .init("waste"), .init("kvmalloc", isNumber: false, limit: 56),
    ])
    for allocation in findings.allocations {
      let route = allocation.route
      table.add([
        Units.count(route.bytes), contiguousText(allocation), route.contiguousWasteBytes.map { Units.bytes($0) } ?? "",
        virtualText(allocation), Units.bytes(route.virtualWasteBytes(pageSize: findings.profile.pageSize)),
        choiceText(allocation),
      ])
    }
    return table
  }

  private func contiguousText(_ allocation: LayoutFindings.Allocation) -> String {
    switch allocation.route.contiguous {
    case .cache(let slot): "slot of \(Units.count(slot))"
    case .block(let order):
      "block of order \(order)" + (allocation.isBlockFree.map { $0 ? ", one is free" : ", none is free" } ?? "")
    case .tooLarge: "too large"
    }
  }

  private func virtualText(_ allocation: LayoutFindings.Allocation) -> String {
    let text = Units.count(allocation.route.virtualPages, "page", "pages") + " + guard"
    return allocation.fitsHole == false ? text + ", no hole" : text
  }

  private func choiceText(_ allocation: LayoutFindings.Allocation) -> String {
    switch allocation.route.choice {
    case .kmallocOnly: return "kmalloc: up to a page"
    case .vmalloc: return "vmalloc"
    case .refused: return "refused: over 2 GiB"
    case .kmallocThenVmalloc(let order):
      switch allocation.isBlockFree {
      case true?: return "kmalloc"
      case false?: return "vmalloc, if compaction fails"
      case nil: return order == 0 ? "kmalloc" : "kmalloc, else vmalloc"
      }
    }
  }

  /// What the tables do not show.
  var sentences: [String] {
    var lines: [String] = []
    if let hole = layout.regions.first(where: {
      $0.kind == .hole && $0.first == layout.region(.lowmem)?.last.advanced(by: 1)
    }) {
      lines.append("Between the end of memory and vmalloc, \(Self.size(hole.size)) of addresses stay empty.")
    }
    if let image = findings.image {
      lines.append(
        "The image spans \(Units.bytes(image.spanBytes)): \(Units.bytes(image.usedBytes)) in sections, "
          + "\(Units.bytes(image.holeBytes)) in holes that alignment leaves. \(Units.bytes(image.initialBytes)) of start-up "
          + "code and data are freed after boot.")
    }
    if let vmalloc = findings.vmalloc { lines += vmallocSentences(vmalloc) }
    return lines
  }

  private func vmallocSentences(_ vmalloc: VmallocFindings) -> [String] {
    var lines = [
      "\(Units.count(vmalloc.areaCount, "area", "areas")) take \(Units.bytes(vmalloc.usedBytes)) of addresses and "
        + "\(Units.count(vmalloc.pages, "page", "pages")); \(Units.bytes(vmalloc.waitingBytes)) are freed and wait for a purge."
    ]
    if let space = vmalloc.space, let free = vmalloc.freeBytes, let hole = vmalloc.largestHole,
      let fragmentation = vmalloc.fragmentation
    {
      lines.append(
        "\(Units.bytes(free)) are free in \(Units.count(space.holes.count, "hole", "holes")); the largest has "
          + "\(Units.bytes(hole.count64)), from \(address(hole.lowerBound)): fragmentation "
          + "\(Units.fixed(Double(fragmentation) / 1000, places: 3)) (0 is one hole).")
    }
    if let placement = vmalloc.placement, placement.checked > 0 {
      lines.append(
        "Model against kernel: \(placement.matched) of \(Units.count(placement.checked, "area", "areas")) lie where lowest-fit "
          + "puts them, given those below; \(placement.aboveHole) lie above a hole that was in use at the time.")
    }
    return lines
  }
}
