import Analysis
import KernelTypes
import MemoryModels
import TestSupport
import Testing

@testable import ProcSnapshots

/// Real machines that ran short of memory; without the captures beside the package, these tests do nothing.
@Suite struct PressureCaptureTests {
  private static func captures(_ kind: String) -> [String] {
    CapturedSnapshots.archives.filter { $0.contains("-\(kind)/") }
  }

  /// The archive's dmesg.txt, which is no file of a snapshot.
  private func log(_ archive: String, label: String) throws -> [Substring]? {
    var reader = TarReader(try ArchiveBytes(path: archive), name: archive)
    let wanted = "\(label)/dmesg.txt"
    guard let entry = try reader.next({ $0.hasSuffix(wanted) }) else { return nil }
    return String(decoding: entry.bytes, as: UTF8.self).split(separator: "\n")
  }

  @Test(arguments: captures("oom"))
  func theProcessThatDiedIsTheOneChosen(archive: String) throws {
    guard let lines = try log(archive, label: "after") else { return }
    let table = lines.compactMap { OutOfMemory.task(parsing: String($0)) }
    try #require(table.count >= 2, "\(archive)")
    func number(after text: String, in line: Substring) -> Int? {
      line.firstRange(of: text).flatMap { Int(line[$0.upperBound...].prefix { $0.isNumber }) }
    }
    let victim = try #require(lines.compactMap { number(after: "Killed process ", in: $0) }.first)
    let allocating = try #require(lines.first { $0.contains("invoked oom-killer") })
    #expect(allocating.contains("order=0"))
    // Managed memory and swap as the same report prints them.
    let managed = lines.compactMap { number(after: " managed:", in: $0) }.reduce(0, +)
    let swap = lines.compactMap { number(after: "Total swap = ", in: $0) }.first ?? 0
    let killer = OutOfMemory(totalPages: (managed + swap) / 4)
    guard case .kills(let pid, let badness) = killer.choose(table) else {
      Issue.record("nobody was chosen in \(archive)")
      return
    }
    #expect(pid == victim && badness > 0, "\(archive): \(pid) instead of \(victim)")
    // The kernel's own lines come out of the model again, digit for digit.
    let printed = lines.map { $0.drop { $0 != "]" }.dropFirst(2) }
    for line in killer.taskTable(table) { #expect(printed.contains(line[...]), "\(line)") }
  }

  /// Marks of pressed machines follow from their settings, with memory handed over later taken into account.
  @Test(arguments: captures("pressure") + captures("oom"))
  func marksFollowFromSettings(archive: String) throws {
    for label in ["before", "after"] {
      let findings = SnapshotFindings(try SnapshotReader.read(path: archive, label: label))
      let marks = findings.checks.checks.filter { $0.name.hasPrefix("watermarks follow") }
      try #require(!marks.isEmpty)
      #expect(marks.allSatisfy { $0.verdict != .unexplained }, "\(archive), \(label)")
    }
  }

  /// Dirty thresholds as vmstat prints them, within what changed between the reads of two files.
  @Test(arguments: captures("pressure") + captures("oom"))
  func dirtyThresholdsFollow(archive: String) throws {
    let findings = SnapshotFindings(try SnapshotReader.read(path: archive, label: "after"))
    let whatIf = try SettingsWhatIf(findings, assignments: [])
    let rows = whatIf.rows.filter { $0.name.hasPrefix("dirty pages") }
    #expect(rows.count == 2)
    for row in rows {
      let printed = try #require(row.printed)
      // Files are read one after the other.
      #expect(abs(printed - row.before) <= 8, "\(archive): \(row)")
    }
  }
}
