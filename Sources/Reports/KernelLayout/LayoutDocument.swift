import Analysis
import KernelTypes
import MemoryModels
import ProcSnapshots

/// The JSON of `layout`.
struct LayoutDocument: Encodable {
  struct Tool: Encodable {
    var version = ToolVersion.current
  }

  struct Profile: Encodable {
    var kernel: String
    var architecture: Architecture
    var pageSize: Int
    var cpus: Int
    var assumed: [String]
  }

  struct Region: Encodable {
    var kind: KernelLayout.Region.Kind
    var name: String
    var first: String
    var last: String
    var bytes: UInt64
    var note: String
  }

  struct Section: Encodable {
    var name: String
    var start: String
    var bytes: UInt64
    var alignment: UInt64
    var holeBeforeBytes: UInt64
  }

  struct Image: Encodable {
    var source: String?
    var spanBytes: UInt64
    var usedBytes: UInt64
    var holeBytes: UInt64
    var initialBytes: UInt64
    var sections: [Section]
  }

  struct Hole: Encodable {
    var start: String
    var bytes: UInt64
  }

  struct Use: Encodable {
    var use: String
    var areas: Int
    var bytes: UInt64
  }

  struct Caller: Encodable {
    var caller: String
    var areas: Int
    var bytes: UInt64
    var pages: UInt64
  }

  struct Placement: Encodable {
    var checked: Int
    var matched: Int
    var aboveHole: Int
  }

  struct Vmalloc: Encodable {
    var areas: Int
    var usedBytes: UInt64
    var waitingBytes: UInt64
    var pages: UInt64
    var misfits: Int
    var isRangeKnown: Bool
    var freeBytes: UInt64?
    var holes: Int?
    var largestHole: Hole?
    var fragmentation: Double?
    var placement: Placement?
    var uses: [Use]
    var callers: [Caller]
  }

  struct Allocation: Encodable {
    var bytes: UInt64
    /// `cache`, `block` or `none`.
    var kmalloc: String
    var kmallocBytes: UInt64?
    var order: Int?
    var isBlockFree: Bool?
    var vmallocPages: UInt64
    var vmallocAddressBytes: UInt64
    var fitsHole: Bool?
    /// `kmalloc`, `kmallocThenVmalloc`, `vmalloc` or `refused`.
    var kvmalloc: String
  }

  let schema = "kmemreplay.layout/1"
  let tool = Tool()
  var profile: Profile
  var memoryBytes: UInt64
  var lowMemoryBytes: UInt64
  var highMemoryBytes: UInt64
  var lostMemoryBytes: UInt64
  var kmapSlots: Int
  var regions: [Region]
  var image: Image?
  var vmalloc: Vmalloc?
  var allocations: [Allocation]
  var notes: [String]

  init(_ report: LayoutReport) {
    let findings = report.findings
    let layout = findings.layout
    profile = Profile(
      kernel: layout.machine.kernel.description, architecture: layout.machine.architecture,
      pageSize: findings.profile.pageSize, cpus: findings.profile.cpuCount, assumed: findings.assumed)
    memoryBytes = layout.machine.memoryBytes
    lowMemoryBytes = layout.lowMemoryBytes
    highMemoryBytes = layout.highMemoryBytes
    lostMemoryBytes = layout.lostMemoryBytes
    kmapSlots = layout.kmapSlots
    regions = layout.regions.map {
      Region(
        kind: $0.kind, name: $0.name, first: report.address($0.first), last: report.address($0.last), bytes: $0.size,
        note: $0.note)
    }
    image = findings.image.map { image in
      Image(
        source: findings.imageForm?.rawValue, spanBytes: image.spanBytes, usedBytes: image.usedBytes,
        holeBytes: image.holeBytes, initialBytes: image.initialBytes,
        sections: image.sections.map {
          Section(
            name: $0.section.name, start: report.address($0.section.start), bytes: $0.section.size,
            alignment: $0.section.alignment > 0 ? $0.section.alignment : $0.section.actualAlignment,
            holeBeforeBytes: $0.holeBefore)
        })
    }
    vmalloc = findings.vmalloc.map { Vmalloc($0, report) }
    allocations = findings.allocations.map(Allocation.init)
    notes = report.notes
  }
}

extension LayoutDocument.Vmalloc {
  init(_ findings: VmallocFindings, _ report: LayoutReport) {
    areas = findings.areaCount
    usedBytes = findings.usedBytes
    waitingBytes = findings.waitingBytes
    pages = findings.pages
    misfits = findings.misfits
    isRangeKnown = findings.isRangeKnown
    freeBytes = findings.freeBytes
    holes = findings.space?.holes.count
    largestHole = findings.largestHole.map { .init(start: report.address($0.lowerBound), bytes: $0.count64) }
    fragmentation = findings.fragmentation.map { Double($0) / 1000 }
    placement = findings.placement.map { .init(checked: $0.checked, matched: $0.matched, aboveHole: $0.aboveHole) }
    uses = findings.uses.map { .init(use: $0.use, areas: $0.areas, bytes: $0.bytes) }
    callers = findings.callers.prefix(report.top ?? .max).map {
      .init(caller: $0.name, areas: $0.areas, bytes: $0.bytes, pages: $0.pages)
    }
  }
}

extension LayoutDocument.Allocation {
  init(_ allocation: LayoutFindings.Allocation) {
    let route = allocation.route
    bytes = route.bytes
    kmallocBytes = route.contiguousBytes
    switch route.contiguous {
    case .cache: kmalloc = "cache"
    case .block(let order):
      kmalloc = "block"
      self.order = order
    case .tooLarge: kmalloc = "none"
    }
    isBlockFree = allocation.isBlockFree
    vmallocPages = route.virtualPages
    vmallocAddressBytes = route.virtualAddressBytes
    fitsHole = allocation.fitsHole
    kvmalloc =
      switch route.choice {
      case .kmallocOnly: "kmalloc"
      case .kmallocThenVmalloc: "kmallocThenVmalloc"
      case .vmalloc: "vmalloc"
      case .refused: "refused"
      }
  }
}

extension LayoutReport {
  /// The report as JSON.
  public func json() throws -> String { try JSONReport.text(LayoutDocument(self)) }
}
