import Analysis
import ProcSnapshots
import Reports
import TestSupport
import Testing

@Suite struct SnapshotReportTests {
  /// A small machine with something of everything, some of it broken.
  private func snapshot(freeKilobytes: Int = 4800) -> Snapshot {
    let files: [SnapshotFileKind: String] = [
      .version: "Linux version 6.1.9-test (a@b) (gcc) #1 SMP\n",
      .buddyInfo: "Node 0, zone   Normal    100     50     25      0      0 \n",
      .memInfo: "MemTotal:        40000 kB\nMemFree:     \(freeKilobytes) kB\nSwapTotal:       0 kB\n",
      .pageTypeInfo:
        "Page block order: 4\nPages per block:  16\n\n"
        + "Free pages count per migrate type at order       0      1      2      3      4 \n"
        + "Node    0, zone   Normal, type    Unmovable >100000     40     20      0      0 \n"
        + "Node    0, zone   Normal, type   HighAtomic      0     10      5      0      0 \n",
      .slabInfo:
        "slabinfo - version: 2.1\n# name\n"
        + "dentry              5658   5964    192   21    1 : tunables    0    0    0 : slabdata    284    284      0\n",
      .sysctlVM: "vm.swappiness = 10\nvm.lowmem_reserve_ratio = 256\t32\nvm.future_knob = 1\n",
      .vmStat: "nr_free_pages 1200\npgfault 7\nbroken line here\n", .swaps: "",
    ]
    return Snapshot(
      name: "my \u{1B}[31msnapshot",
      files: Dictionary(
        uniqueKeysWithValues: files.map { ($0.key, FileContent(name: $0.key.rawValue, text: $0.value)) }))
  }

  private func expectSnapshot(_ name: String, _ text: String) throws {
    #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
  }

  @Test func aSnapshotLooksAsRecordedInEveryForm() throws {
    let report = SnapshotReport(findings: SnapshotFindings(snapshot()))
    try expectSnapshot("snapshot.txt", report.text())
    try expectSnapshot("snapshot.json", report.json())
    try expectSnapshot("snapshot.md", report.markdown())
  }

  @Test func aDifferenceLooksAsRecordedInEveryForm() throws {
    let report = SnapshotDifferenceReport(
      before: SnapshotFindings(snapshot()), after: SnapshotFindings(snapshot(freeKilobytes: 100)))
    try expectSnapshot("snapshot-diff.txt", report.text())
    try expectSnapshot("snapshot-diff.json", report.json())
    try expectSnapshot("snapshot-diff.md", report.markdown())
  }

  @Test func textFitsATerminalAndHoldsNoControlCharacters() throws {
    let sample = try SnapshotReader.read(path: CapturedSnapshots.sample)
    for snapshot in [snapshot(), sample] {
      let text = SnapshotReport(findings: SnapshotFindings(snapshot)).text()
      #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7F })
      for line in text.split(separator: "\n") where !line.contains("kernel 6.1") {
        #expect(line.count <= 120, "\(line)")
      }
    }
  }

  @Test func absurdNumbersNeverCrash() throws {
    let sample = try SnapshotReader.read(path: CapturedSnapshots.sample)
    let texts: [(SnapshotFileKind, String)] = [
      (.buddyInfo, sample.buddyInfo?.text ?? ""), (.pageTypeInfo, sample.pageTypeInfo?.text ?? ""),
      (.zoneInfo, sample.zoneInfo?.text ?? ""), (.memInfo, sample.memInfo?.text ?? ""),
      (.slabInfo, sample.slabInfo?.text ?? ""), (.sysctlVM, sample.sysctlVM?.text ?? ""),
      (.vmStat, sample.vmStat?.text ?? ""), (.vmallocInfo, sample.vmallocInfo?.text ?? ""),
      (.ioMemory, sample.ioMemory?.text ?? ""), (.unusableIndex, sample.unusableIndex?.text ?? ""),
    ]
    let extremes = [
      "18446744073709551615", "9223372036854775807", "-9223372036854775808", "0", "1125899906842623", "17592186044415",
      "4294967295", "17179869184", "-1",
    ]
    var random = SeededGenerator(seed: 3)
    for _ in 0..<60 {
      var files: [SnapshotFileKind: FileContent] = [:]
      for (kind, text) in texts {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map { word in
          let isNumber = word.first?.isNumber == true && Int.random(in: 0..<6, using: &random) == 0
          // What follows the number up to the next blank, such as a newline, stays.
          return isNumber
            ? (extremes.randomElement(using: &random) ?? "") + word.drop { $0.isNumber } : String(word)
        }
        files[kind] = FileContent(name: kind.rawValue, text: words.joined(separator: " "))
      }
      let findings = SnapshotFindings(Snapshot(name: "absurd", files: files))
      let report = SnapshotReport(findings: findings)
      _ = report.text()
      _ = try report.json()
      _ = SnapshotDifferenceReport(before: findings, after: SnapshotFindings(sample)).text()
    }
  }
}
