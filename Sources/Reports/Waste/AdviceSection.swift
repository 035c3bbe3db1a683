import Analysis
import KernelTypes
import Replay

/// What changes would save, as a section of `waste`.
struct AdviceSection {
  var findings: AdviceFindings

  private func pages(_ count: Int64) -> String {
    let bytes = count * Int64(findings.pageSize)
    return Units.count(count) + " (" + Units.bytes(bytes) + ")"
  }

  private func name(_ saving: SimulatedSaving) -> String {
    switch saving.change.kind {
    case .kmallocClass(let bytes): "a kmalloc class of \(Units.count(bytes)) bytes"
    case .ownCache(_, let bytes):
      "a cache of \(Units.count(bytes)) bytes for \(SafeText.printable(saving.callSite ?? "a call site"))"
    }
  }

  private var heading: String {
    "What would help: the trace replayed through \(findings.allocator.rawValue.uppercased()) with one change at a time "
      + "[modelled]"
  }

  private var table: TextTable {
    var table = TextTable([
      .init("Change", isNumber: false, limit: 72), .init("Object waste saved"), .init("Pages saved, end"),
      .init("Pages saved, peak"),
    ])
    for saving in findings.savings {
      table.add([name(saving), Units.bytes(saving.objectBytes), pages(saving.endPages), pages(saving.peakPages)])
    }
    return table
  }

  private var note: String {
    "Without a change: \(Units.count(findings.endPages)) slab pages at the end, \(Units.count(findings.peakPages)) at the "
      + "peak. Fewer bytes an object need not mean fewer pages: a new cache has partly used slabs of its own."
  }

  func text() -> String {
    if findings.savings.isEmpty {
      return "What would help: no size is common enough for a class or a cache of its own.\n"
    }
    return ReportHeading.section(heading) + table.text() + ReportHeading.prose("  " + note, indent: 2) + "\n"
  }

  func markdown() -> String {
    var text = "## What would help\n\n"
    if findings.savings.isEmpty { return text + "No size is common enough for a class or a cache of its own.\n" }
    text += SafeText.markdown(heading) + "\n\n" + table.markdown()
    return text + "\n" + SafeText.markdown(note) + "\n"
  }

  /// One change, as JSON.
  struct Entry: Encodable {
    /// What thresholds call it: `kmalloc-448`, or the call site that gets a cache.
    var name: String
    var change: String
    var bytes: Int
    var callSite: String?
    var expectedBytes: Int
    var savedObjectBytes: Int64
    var savedPages: Int64
    var savedPeakPages: Int64
    /// Bytes of the pages saved at the end, and at the peak.
    var savedBytes: Int64
    var savedPeakBytes: Int64
  }

  struct Document: Encodable {
    var allocator: String
    var slabPages: UInt64
    var peakSlabPages: UInt64
    /// The change that saves most pages at the end.
    var best: Entry?
    var changes: [Entry]
  }

  var document: Document {
    let entries = findings.savings.map(entry)
    return Document(
      allocator: findings.allocator.rawValue, slabPages: findings.endPages, peakSlabPages: findings.peakPages,
      best: entries.first, changes: entries)
  }

  private func entry(_ saving: SimulatedSaving) -> Entry {
    let (name, change, bytes) =
      switch saving.change.kind {
      case .kmallocClass(let bytes): ("kmalloc-\(bytes)", "kmalloc-class", bytes)
      case .ownCache(_, let bytes): (saving.callSite ?? "", "own-cache", bytes)
      }
    let pageSize = Int64(findings.pageSize)
    return Entry(
      name: name, change: change, bytes: bytes, callSite: saving.callSite,
      expectedBytes: saving.change.expectedBytes, savedObjectBytes: saving.objectBytes, savedPages: saving.endPages,
      savedPeakPages: saving.peakPages, savedBytes: saving.endPages * pageSize,
      savedPeakBytes: saving.peakPages * pageSize)
  }
}
