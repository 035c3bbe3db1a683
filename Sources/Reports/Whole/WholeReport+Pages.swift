import Analysis
import KernelTypes

extension WholeReport {
  private var pageSize: UInt64 { max(subject?.profile.pageSize ?? 4096, 1) }

  /// Who takes and holds pages, slabs' pages among them.
  var pageSection: ReportSection? {
    guard let pageUse, pageUse.total.takenPages > 0 else { return nil }
    var section = ReportSection(
      "pages", "Pages",
      lead:
        "Pages taken from the page allocator for whatever purpose, slabs included, by the task that ran. Exact, from "
        + "the trace; pages from before it are left out.")
    section.blocks.append(
      .figures([
        .init(
          title: "Held at the end", value: Units.bytes(pageUse.total.heldPages &* pageSize),
          meaning: "\(Units.count(pageUse.total.heldPages, "page", "pages")) taken in the trace and not given back.",
          provenance: .observed),
        .init(
          title: "Held at most", value: Units.bytes(pageUse.peakHeldPages &* pageSize),
          meaning: "\(Units.count(pageUse.peakHeldPages, "page", "pages")) at once.", provenance: .observed),
        .init(
          title: "Taken in total", value: Units.bytes(pageUse.total.takenPages &* pageSize),
          meaning: "\(Units.count(pageUse.total.takenPages, "page", "pages")) in "
            + "\(Units.count(pageUse.total.allocations, "request", "requests")).", provenance: .observed),
      ]))
    section.blocks += pageGraphs(pageUse)
    section.blocks.append(
      .table(pageTable("page-tasks", "Pages by task", "Task", "The task that ran.", pageUse.tasks)))
    section.blocks.append(
      .table(
        pageTable(
          "page-stacks", "Pages by stack", "Innermost callers",
          "The functions that led to the request, innermost first, without the allocators' own.",
          pageUse.stacks)))
    return section
  }

  private func pageGraphs(_ use: PageUseFindings) -> [ReportBlock] {
    func graph(_ title: String, _ weight: (PageUseFindings.Pages) -> UInt64) -> ReportBlock? {
      let graph = FlameGraph(
        title: title, summary: Self.flameSummary("pages"), provenance: .observed, unit: .bytes,
        stacks: use.stacks.map { ($0.names, Double(weight($0.pages) &* pageSize)) })
      return graph.isEmpty ? nil : .chart(graph)
    }
    return [graph("Pages held at the end by stack", \.heldPages), graph("Pages taken in total by stack", \.takenPages)]
      .compactMap { $0 }
  }

  private func pageTable(
    _ id: String, _ title: String, _ heading: String, _ meaning: String, _ groups: [PageUseFindings.Group]
  ) -> ReportTable {
    var table = ReportTable(
      id, title,
      [
        .name(heading, "key", meaning),
        .observed("Held", "heldBytes", "Bytes of pages taken in the trace and not given back by its end."),
        .observed("Taken in total", "takenBytes", "Bytes of all pages taken in the trace."),
        .observed("Requests", "allocations", "Blocks taken in the trace."),
      ])
    for group in groups.prefix(5000) {
      table.add([
        .text(Self.stackName(group.names)), .bytes(group.pages.heldPages &* pageSize),
        .bytes(group.pages.takenPages &* pageSize), .count(group.pages.allocations),
      ])
    }
    table.addBars(column: 1)
    return table
  }

  /// Where pages went: the answer for a trace without slab events.
  var pageAnswer: ReportAnswer? {
    guard callSites == nil, let pageUse, let first = pageUse.tasks.first, pageUse.total.heldPages > 0 else {
      return nil
    }
    let all = pageUse.total.heldPages
    func share(_ group: PageUseFindings.Group) -> Double { Double(group.pages.heldPages) / Double(all) }
    return ReportAnswer(
      question: "Who holds pages?", value: first.names.first ?? "",
      sentence:
        "It took \(Units.percent(share(first) * 100)) of the \(Units.bytes(all &* pageSize)) that was taken in the "
        + "trace and not given back. What of it is wasted, slab events would tell.",
      provenance: .observed,
      evidence: pageUse.tasks.prefix(4).map { group in
        (name: group.names.first ?? "", value: Units.bytes(group.pages.heldPages &* pageSize), share: share(group))
      }, section: "pages")
  }

  static func flameSummary(_ what: String) -> String {
    "Callers from the outermost at the top to the allocation at the bottom; as wide as the \(what) that were asked for "
      + "through them. The table of stacks has the largest."
  }

  /// What every request of pages or objects passes through; who asked stands before it.
  private static let allocatorFrames = [
    "trace_event_raw_event", "__alloc_pages", "alloc_pages", "__folio_alloc", "folio_alloc", "vma_alloc_folio",
    "get_page_from_freelist", "alloc_slab_page", "allocate_slab", "new_slab", "___slab_alloc", "__slab_alloc",
    "slab_alloc", "cache_grow", "kmalloc", "__kmalloc", "kmem_cache_alloc", "__kmem_cache_alloc",
  ]

  /// The innermost frames of a stack, without the tracer's and the allocators' own, unless it has no others.
  static func stackName(_ frames: [String]) -> String {
    let inner = Array(frames.reversed())
    let asking = inner.drop { frame in allocatorFrames.contains { frame.hasPrefix($0) } }
    return (asking.isEmpty ? inner[...] : asking).prefix(4).joined(separator: " < ")
  }
}
