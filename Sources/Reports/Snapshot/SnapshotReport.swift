public import Analysis
import KernelTypes
import ProcSnapshots

/// The answer of `snapshot`.
public struct SnapshotReport: Sendable {
  public var findings: SnapshotFindings
  /// The most rows of the tables of caches, knobs and checks; `nil` shows some in text and all in JSON.
  public var top: Int?

  public init(findings: SnapshotFindings, top: Int? = nil) {
    self.findings = findings
    self.top = top
  }

  var snapshot: Snapshot { findings.snapshot }

  /// What the snapshot is, in one line.
  var source: String {
    let machine = findings.machine
    var parts = [Units.count(snapshot.present.count, "file", "files")]
    parts.append("kernel " + (machine.release.map(SafeText.printable) ?? "unknown (6.1 assumed in formulas)"))
    if let cpus = machine.cpuCount { parts.append(Units.count(cpus, "CPU", "CPUs")) }
    if let allocator = machine.slabAllocator { parts.append(allocator) }
    let note = machine.assumed.contains("pageSize") ? " (assumed)" : ""
    parts.append("pages of \(Units.bytes(Int64(machine.pageSize)))" + note)
    return SafeText.printable(snapshot.name) + ": " + parts.joined(separator: ", ")
  }

  /// The answer in one sentence.
  var answer: String {
    let total = snapshot.memInfo?["MemTotal"]
    let free = snapshot.memInfo?["MemFree"]
    let disagreements = findings.checks.checks.count { $0.verdict == .unexplained }
    var text = ""
    if let total, let free {
      text = "\(kilobytes(total)) of memory, \(kilobytes(free)) free"
      if let available = snapshot.memInfo?["MemAvailable"] { text += ", \(kilobytes(available)) available" }
      text += ". "
    } else if !findings.zones.isEmpty {
      let pages = findings.zones.reduce(0) { $0 &+ $1.index.freePages }
      text = "\(Units.count(pages, "free page", "free pages")). "
    }
    let compared = findings.checks.checks.count
    if compared > 0 {
      text += "\(Units.count(compared, "number", "numbers")) cross-checked, "
      text +=
        disagreements == 0
        ? "none disagrees without a reason." : Units.count(disagreements, "disagrees", "disagree") + "."
    } else {
      text += "Nothing in it can be cross-checked."
    }
    return text
  }

  func kilobytes(_ value: UInt64) -> String { Units.bytes(Int64(clamping: min(value, 1 << 50)) * 1024) }

  /// Files that are there and damaged, or can't be used, or are missing.
  var fileNotes: [(isSerious: Bool, text: String)] {
    var notes: [(Bool, String)] = []
    if let error = snapshot.archiveError {
      notes.append((true, error.description + " Files before the damage are used."))
    }
    for unusable in snapshot.unusable { notes.append((true, unusable.error.description)) }
    for kind in SnapshotFileKind.allCases {
      guard let damage = snapshot.present[kind], !damage.isNone else { continue }
      var text = "\(kind.rawValue): "
      text += damage.linesLeftOut == 0 ? "" : Units.count(damage.linesLeftOut, "line", "lines") + " left out"
      if damage.isCutShort { text += (damage.linesLeftOut == 0 ? "" : ", ") + "the end is cut off" }
      if let sample = damage.samples.first {
        text += "; line \(sample.line): `\(sample.found)`; expected \(sample.expected)"
      }
      notes.append((true, text))
    }
    if snapshot.ioMemory?.isHidden == true {
      notes.append((false, "iomem: addresses are zeros, as for readers other than root"))
    }
    if snapshot.vmallocInfo?.hasHiddenAddresses == true {
      notes.append((false, "vmallocinfo: addresses are hashed or hidden (kptr_restrict); sizes can be used"))
    }
    let missing = snapshot.missing.filter { !$0.isOfProcess }
    if !missing.isEmpty {
      notes.append((false, "not in the snapshot: " + missing.map(\.rawValue).joined(separator: ", ")))
    }
    return notes
  }
}
