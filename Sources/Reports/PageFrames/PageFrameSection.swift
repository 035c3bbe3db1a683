import Analysis
import KernelTypes
import ProcSnapshots
import Replay

/// What reports say about a model that chooses page frames.
struct PageFrameSection {
  let findings: PageFrameFindings

  private var grades: PageFrameGrades { findings.grades }

  /// The answer in a sentence.
  var answer: String {
    let frames = grades.pageFrame
    return "Page frames: \(Units.count(frames.matched)) of \(Units.count(frames.checked)) predicted "
      + "(\(Self.share(frames)))."
  }

  /// What the model started from.
  var startNote: String {
    switch findings.start {
    case .freeLists: "Start of the model: free lists in their order, from a dump."
    case .pageFlags:
      "Start of the model: which pages were free, from kpageflags. The order of the lists, the pages on per-CPU lists and "
        + "the types of pageblocks are inferred from the trace's first event of each block; "
        + "\(Units.count(grades.toldByTrace, "first use that told so is", "first uses that told so are")) not graded."
    case .memoryMap: "Start of the model: " + (findings.boot.map { Self.words($0) } ?? "the memory map.")
    }
  }

  private static func words(_ boot: BootSummary) -> String {
    var text =
      switch boot.source {
      case .bootLog: "the memory map in the kernel's messages"
      case .ioMemory: "the memory map in iomem"
      case .trace: "the frames that the trace names, for want of a memory map (inferred)"
      }
    text += ", \(Units.count(boot.memoryPages, "page", "pages"))"
    let parts = boot.reservations.map { "\(Units.count($0.pages)) \(words($0.reason))" }
    if !parts.isEmpty { text += "; not handed over: " + parts.joined(separator: ", ") }
    text += ". \(Units.count(boot.handedOver, "page", "pages")) went to the page allocator in the order of its era. Of "
    text += "them \(Units.count(boot.takenBefore)) were taken before the trace began (inferred from the trace's events"
    text += boot.isToldByFlags ? " and kpageflags after" : " and from the order in which lists are used up"
    text += "), in \(Units.count(boot.changedPageblocks, "pageblock", "pageblocks")) that had changed type."
    return text
  }

  private static func words(_ reason: BootMap.Reason) -> String {
    switch reason {
    case .firstMebibyte: "of the first MiB (x86)"
    case .kernelImage: "of the kernel image (iomem)"
    case .initialDisk: "of the initial file system (messages)"
    case .pageFlags: "reserved by kpageflags after"
    case .topDown: "to match the message `Memory:`, from the top down (inferred)"
    }
  }

  static func share(_ grade: Grade) -> String {
    grade.checked == 0 ? "-" : Units.percent(Double(grade.matched) * 100 / Double(grade.checked))
  }

  var gradeTable: TextTable {
    var table = TextTable([
      .init("Modelled against observed", isNumber: false), .init("Checked"), .init("Right"), .init("Share"),
    ])
    func add(_ name: String, _ grade: Grade) {
      if grade.checked == 0 { return }
      table.add([name, Units.count(grade.checked), Units.count(grade.matched), Self.share(grade)])
    }
    add("page frames handed out", grades.pageFrame)
    add("  their zone", grades.zone)
    add("requests that took blocks from the buddy's lists", grades.refill)
    add("blocks drained from per-CPU lists", grades.drain)
    add("fallbacks between migrate types", grades.fallback)
    add("failed requests", grades.failure)
    for zone in findings.lists {
      add("\(zone.zone): free lists at the end, in order", zone.freeLists)
      add("\(zone.zone): free blocks on their lists", zone.freeBlocks)
      add("\(zone.zone): per-CPU lists at the end, in order", zone.perCPULists)
      add("\(zone.zone): types of pageblocks", zone.pageblocks)
    }
    return table
  }

  /// The misses and what became of them, in words.
  var notes: [String] {
    var notes: [String] = []
    if !findings.cpuNodes.isEmpty {
      let nodes = Set(findings.cpuNodes).sorted().map { node in
        let cpus = findings.cpuNodes.indices.filter { findings.cpuNodes[$0] == node }.map(String.init)
        return "node \(node) CPU " + cpus.joined(separator: ", ")
      }
      notes.append("CPUs by node, from whose memory their requests are served: " + nodes.joined(separator: "; "))
    }
    func add(_ count: UInt64, _ one: String, _ many: String) {
      if count > 0 { notes.append(Units.count(count, one, many)) }
    }
    for miss in FrameMiss.allCases {
      let count = grades[miss]
      if count > 0 { notes.append("\(Units.count(count)) missed: " + Self.words(miss)) }
    }
    add(
      grades.drainsUndone, "block the model drained and the kernel kept",
      "blocks the model drained and the kernel kept")
    add(grades.bulkPages, "page allocated in bulk, without an event", "pages allocated in bulk, without an event")
    add(grades.pagesTakenUnseen, "page taken unseen, found out later", "pages taken unseen, found out later")
    add(
      grades.directFrees, "free past the per-CPU lists, which an interrupt found locked",
      "frees past the per-CPU lists, which an interrupt found locked")
    add(grades.outside, "event of a frame in no zone", "events of frames in no zone")
    return notes
  }

  private static func words(_ miss: FrameMiss) -> String {
    switch miss {
    case .otherZone: "the kernel chose another zone"
    case .takenUnseen: "blocks before it on the CPU's list had been taken unseen"
    case .otherOrder: "it lay deeper in the CPU's list (an interrupt came in between)"
    case .kernelRefilled: "the kernel refilled a list on which the model had blocks"
    case .modelRefilled: "the model refilled a list on which the kernel had blocks"
    case .otherBlock: "another block of the buddy's lists"
    case .otherList: "it was on another list"
    case .freedUnseen: "it was in use as far as the model knew"
    case .modelFailed: "the model had nothing to give"
    }
  }

  func text() -> String {
    var text = answer + "\n" + gradeTable.text() + "  " + startNote + "\n"
    for note in notes { text += "  " + note + "\n" }
    if let settings = findings.settings { text += "\n" + ReplaySettingsSection(settings: settings).text() }
    if let section = findings.pressure.map(PressureSection.init) {
      text += "\n" + section.table.text()
      for note in section.notes { text += "  " + note + "\n" }
    }
    if !typeTable.rows.isEmpty { text += "\n" + typeTable.text() }
    return text
  }

  func markdown() -> String {
    var text = "## Page frames chosen by the model\n\n" + answer + "\n\n" + gradeTable.markdown() + "\n"
    text += startNote + "\n\n"
    for note in notes { text += "- " + note + "\n" }
    if let settings = findings.settings { text += "\n" + ReplaySettingsSection(settings: settings).markdown() }
    if let section = findings.pressure.map(PressureSection.init) {
      text += "\n" + section.table.markdown() + "\n"
      for note in section.notes { text += "- " + note + "\n" }
    }
    if !typeTable.rows.isEmpty { text += "\n" + typeTable.markdown() }
    return text
  }

  /// Free blocks by order and migrate type.
  var typeTable: TextTable {
    let orders = findings.types.map(\.observed.count).max() ?? 0
    var table = TextTable(
      [.init("Against pagetypeinfo after", isNumber: false), .init("", isNumber: false), .init("", isNumber: false)]
        + (0..<orders).map { .init("\($0)") })
    for row in findings.types {
      table.add([row.zone.zone, row.type, "modelled"] + row.predicted.map { Units.count($0) })
      if row.predicted != row.observed { table.add(["", "", "observed"] + row.observed.map { Units.count($0) }) }
    }
    return table
  }
}

/// The JSON of a prediction of page frames.
struct PageFrameDocument: Encodable {
  struct Lists: Encodable {
    var zone: String
    var freeLists: GradeDocument
    var freeBlocks: GradeDocument
    var perCPULists: GradeDocument
    var perCPUBlocks: GradeDocument
    var pageblocks: GradeDocument
  }

  struct Types: Encodable {
    var node: Int
    var zone: String
    var migrateType: String
    var predicted: [UInt64]
    var observed: [UInt64]
  }

  struct Boot: Encodable {
    struct Reservation: Encodable {
      var reason: String
      var pages: UInt64
    }

    var memoryMap: String
    var memoryPages: UInt64
    var reserved: [Reservation]
    var handedOverPages: UInt64
    var takenBeforePages: UInt64
    var changedPageblocks: UInt64
  }

  var start: String
  var boot: Boot?
  var checked: UInt64
  var matched: UInt64
  /// By kind; only kinds that occurred.
  var misses: [String: UInt64]
  var zone: GradeDocument
  var refill: GradeDocument
  var drain: GradeDocument
  var fallback: GradeDocument
  var failure: GradeDocument
  /// Blocks handed out that are not graded: the trace itself told where they stood at its start.
  var toldByTrace: UInt64
  var drainsUndone: UInt64
  var bulkPages: UInt64
  var pagesTakenUnseen: UInt64
  var directFrees: UInt64
  var outside: UInt64
  var pressure: PressureDocument?
  var cpuNodes: [Int]?
  var settings: ReplaySettingsDocument?
  var lists: [Lists]?
  var pagetypeinfo: [Types]?

  init(_ findings: PageFrameFindings) {
    let grades = findings.grades
    start = findings.start.rawValue
    boot = findings.boot.map {
      Boot(
        memoryMap: $0.source.rawValue, memoryPages: $0.memoryPages,
        reserved: $0.reservations.map { .init(reason: $0.reason.rawValue, pages: $0.pages) },
        handedOverPages: $0.handedOver, takenBeforePages: $0.takenBefore, changedPageblocks: $0.changedPageblocks)
    }
    checked = grades.pageFrame.checked
    matched = grades.pageFrame.matched
    misses = [:]
    for miss in FrameMiss.allCases where grades[miss] > 0 { misses[miss.rawValue] = grades[miss] }
    zone = GradeDocument(grades.zone)
    refill = GradeDocument(grades.refill)
    drain = GradeDocument(grades.drain)
    fallback = GradeDocument(grades.fallback)
    failure = GradeDocument(grades.failure)
    toldByTrace = grades.toldByTrace
    drainsUndone = grades.drainsUndone
    bulkPages = grades.bulkPages
    pagesTakenUnseen = grades.pagesTakenUnseen
    directFrees = grades.directFrees
    outside = grades.outside
    pressure = findings.pressure.map { PressureDocument($0) }
    cpuNodes = findings.cpuNodes.isEmpty ? nil : findings.cpuNodes
    settings = findings.settings.map { ReplaySettingsDocument($0) }
    if !findings.lists.isEmpty {
      lists = findings.lists.map {
        Lists(
          zone: $0.zone, freeLists: GradeDocument($0.freeLists), freeBlocks: GradeDocument($0.freeBlocks),
          perCPULists: GradeDocument($0.perCPULists), perCPUBlocks: GradeDocument($0.perCPUBlocks),
          pageblocks: GradeDocument($0.pageblocks))
      }
    }
    if !findings.types.isEmpty {
      pagetypeinfo = findings.types.map {
        Types(
          node: $0.zone.node, zone: $0.zone.zone, migrateType: $0.type, predicted: $0.predicted, observed: $0.observed)
      }
    }
  }
}
