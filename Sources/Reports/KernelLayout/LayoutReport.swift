public import Analysis
import KernelTypes
import MemoryModels

/// The answer of `layout`.
public struct LayoutReport: Sendable {
  public var findings: LayoutFindings
  /// The most callers that are shown; `nil` shows some in text and all in JSON.
  public var top: Int?

  public init(findings: LayoutFindings, top: Int? = nil) {
    self.findings = findings
    self.top = top
  }

  static let standardTop = 15

  var layout: KernelLayout { findings.layout }

  /// An address with all its digits.
  func address(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    let width = layout.machine.architecture.pointerBytes * 2
    return "0x" + String(repeating: "0", count: max(width - digits.count, 0)) + digits
  }

  static func size(_ bytes: UInt64) -> String {
    // Areas are whole MiB more often than not, and then people want to see that.
    if bytes > UInt64(Int64.max) { return Units.fixed(Double(bytes) / 0x1p60, places: 1) + " EiB" }
    let mebibytes = bytes >> 20
    if bytes % (1 << 20) == 0, mebibytes < 10_240, mebibytes > 0 { return "\(Units.count(mebibytes)) MiB" }
    return Units.bytes(bytes)
  }

  /// The answer in one or two sentences.
  var answer: String {
    var text = "\(Self.size(layout.machine.memoryBytes)) of memory on \(layout.machine.architecture.rawValue), "
    text += "kernel \(layout.machine.kernel): \(Self.size(layout.lowMemoryBytes)) always mapped"
    if layout.highMemoryBytes > 0 {
      text += ", \(Self.size(layout.highMemoryBytes)) as high memory, \(layout.kmapSlots) pages of it at a time"
    }
    if layout.lostMemoryBytes > 0 { text += ", \(Self.size(layout.lostMemoryBytes)) out of reach" }
    if let area = layout.region(.vmalloc) { text += "; \(Self.size(area.size)) of addresses for vmalloc" }
    return text + "."
  }

  var notes: [String] {
    var notes = layout.notes
    if !findings.assumed.isEmpty { notes.append("assumed: " + findings.assumed.joined(separator: ", ")) }
    if let vmalloc = findings.vmalloc {
      if vmalloc.space == nil {
        notes.append("vmallocinfo: addresses are hashed or hidden (kptr_restrict): sizes count, holes are unknown")
      } else if !vmalloc.isRangeKnown {
        notes.append("the areas lie outside of this layout (KASLR, or another machine): holes beyond them are unknown")
      }
      if vmalloc.misfits > 0 {
        notes.append(
          Units.count(vmalloc.misfits, "line of vmallocinfo overlaps others", "lines of vmallocinfo overlap others"))
      }
    }
    return notes
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text = SnapshotReport.wrapped(answer, first: "") + "\n"
    for section in sections { text += ReportHeading.section(section.title) + section.table.text() + "\n" }
    for line in sentences { text += SnapshotReport.wrapped(line) }
    for note in notes { text += SnapshotReport.wrapped(note, first: "  note: ") }
    return text
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Kernel address space\n\n" + answer + "\n\n"
    for section in sections { text += "## \(section.title)\n\n" + section.table.markdown() + "\n" }
    for line in sentences { text += "- " + SafeText.markdown(line) + "\n" }
    for note in notes { text += "- note: " + SafeText.markdown(note) + "\n" }
    return text
  }
}
