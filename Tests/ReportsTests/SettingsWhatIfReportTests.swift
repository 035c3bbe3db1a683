import Analysis
import ProcSnapshots
import Reports
import TestSupport
import Testing

@Suite struct SettingsWhatIfReportTests {
  @Test func otherSettingsLookAsRecordedInEveryForm() throws {
    var snapshot = try SnapshotReader.read(path: CapturedSnapshots.sample)
    snapshot.name = "sample \u{1B}[31m"
    let findings = SnapshotFindings(snapshot)
    var whatIf = try SettingsWhatIf(
      findings,
      assignments: [
        "vm.min_free_kbytes=16384", "vm.lowmem_reserve_ratio=128 256 32 0",
        "vm.dirty_bytes=1048576",
      ])
    let isModelled = whatIf.forecast(bytes: 300 << 20)
    #expect(isModelled)
    let report = SettingsWhatIfReport(findings: findings, whatIf: whatIf)
    for (name, text) in [
      ("snapshot-sysctl.txt", report.text()), ("snapshot-sysctl.json", try report.json()),
      ("snapshot-sysctl.md", report.markdown()),
    ] {
      #expect(
        try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
    }
    #expect(
      report.text().unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7F }
    )
  }

  @Test func absurdSnapshotsMakeNoModelAndNoCrash() throws {
    let sample = try SnapshotReader.read(path: CapturedSnapshots.sample)
    let extremes = [
      "18446744073709551615", "17592186044415", "4294967295", "-1", "0", "1125899906842623",
    ]
    var random = SeededGenerator(seed: 4)
    let texts: [(SnapshotFileKind, String)] = [
      (.buddyInfo, sample.buddyInfo?.text ?? ""), (.zoneInfo, sample.zoneInfo?.text ?? ""),
      (.memInfo, sample.memInfo?.text ?? ""), (.slabInfo, sample.slabInfo?.text ?? ""),
      (.sysctlVM, sample.sysctlVM?.text ?? ""), (.vmStat, sample.vmStat?.text ?? ""),
    ]
    for _ in 0..<40 {
      var files: [SnapshotFileKind: FileContent] = [:]
      for (kind, text) in texts {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map { word in
          let isNumber = word.first?.isNumber == true && Int.random(in: 0..<8, using: &random) == 0
          return isNumber
            ? (extremes.randomElement(using: &random) ?? "") + word.drop { $0.isNumber }
            : String(word)
        }
        files[kind] = FileContent(name: kind.rawValue, text: words.joined(separator: " "))
      }
      let findings = SnapshotFindings(Snapshot(name: "absurd", files: files))
      var whatIf = try SettingsWhatIf(
        findings, assignments: ["vm.swappiness=200", "vm.vfs_cache_pressure=1000000"])
      _ = whatIf.forecast(bytes: 1 << 20)
      let report = SettingsWhatIfReport(findings: findings, whatIf: whatIf)
      _ = report.text()
      _ = try report.json()
    }
  }
}
