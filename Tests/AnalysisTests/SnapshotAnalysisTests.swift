import Analysis
import KernelTypes
import ProcSnapshots
import TestSupport
import Testing

@Suite struct SnapshotAnalysisTests {
  /// A snapshot of texts.
  private func snapshot(_ files: [SnapshotFileKind: String]) -> Snapshot {
    Snapshot(
      name: "scripted",
      files: Dictionary(
        uniqueKeysWithValues: files.map { ($0.key, FileContent(name: $0.key.rawValue, text: $0.value)) }))
  }

  @Test(.enabled(if: !CapturedSnapshots.archives.isEmpty, "there are no captures beside the package"))
  func indicesFromBuddyinfoAreTheKernelsInAllDigitsButWhereBlocksMoved() throws {
    var snapshots = 0
    var lines: [IndexVerification.Line] = []
    for archive in CapturedSnapshots.archives {
      for label in ["before", "after"] {
        guard let snapshot = try? SnapshotReader.read(path: archive, label: label) else { continue }
        snapshots += 1
        lines += IndexVerification(snapshot).lines
      }
    }
    #expect(snapshots == 99)
    #expect(lines.count == 396)
    #expect(lines.reduce(0) { $0 + $1.printed.count } == 4356)
    #expect(lines.reduce(0) { $0 + $1.equal } == 4009)
    #expect(lines.count { $0.isEqual } == 325)
    #expect(lines.count { !$0.isEqual && $0.moves != nil } == 42)
    // The zone that nothing was taken from between the reads is always equal.
    #expect(lines.filter { $0.id.zone == "DMA" }.allSatisfy { $0.isEqual })
  }

  @Test(.enabled(if: !CapturedSnapshots.archives.isEmpty, "there are no captures beside the package"))
  func noCrossCheckOfACaptureDisagreesWithoutAReason() throws {
    for archive in CapturedSnapshots.archives {
      for label in ["before", "after"] {
        guard let snapshot = try? SnapshotReader.read(path: archive, label: label) else { continue }
        let findings = SnapshotFindings(snapshot)
        #expect(findings.checks.checks.count > 50)
        for check in findings.checks.disagreements where check.verdict == .unexplained {
          Issue.record("\(archive) \(label): \(check)")
        }
      }
    }
  }

  @Test func theSampleAgreesWithItselfAndWithTheFormulas() throws {
    let findings = SnapshotFindings(try SnapshotReader.read(path: CapturedSnapshots.sample))
    #expect(findings.machine.slabAllocator == "SLUB")
    #expect(findings.machine.pageSize == 4096)
    #expect(findings.machine.cpuCount == 1)
    let byName = Dictionary(uniqueKeysWithValues: findings.checks.summary.map { ($0.name, $0) })
    for name in ["MemTotal is the zones' managed pages", "MemAvailable is what could be freed above the marks"] {
      #expect(byName[name]?.equal == 1)
    }
    #expect(findings.checks.disagreements.allSatisfy { $0.verdict == .explained })
    #expect(findings.knobs.count == 37)
    #expect(findings.knobs.allSatisfy { $0.meaning != nil && $0.here != nil })
  }

  @Test func aWrongNumberIsADisagreementWithoutAReason() {
    let snapshot = snapshot([.memInfo: "Slab:  100 kB\nSReclaimable: 60 kB\nSUnreclaim: 60 kB\n"])
    let checks = SnapshotFindings(snapshot).checks
    #expect(checks.disagreements.map(\.subject) == ["Slab"])
    #expect(checks.disagreements.first?.verdict == .unexplained)
    #expect(checks.disagreements.first?.difference == -20)
  }

  @Test func fragmentedZonesAndEmptyOnesGetDifferentAdvice() {
    let zones = """
      Node 0, zone   Normal    100     50     25      0      0
      Node 0, zone  Movable      0      0      0      0      0

      """
    let advice = SnapshotFindings(snapshot([.buddyInfo: zones])).advice
    #expect(advice.zones[0].outcomes == [.served, .served, .served, .fragmented, .fragmented])
    #expect(advice.zones[1].outcomes.allSatisfy { $0 == .lacksMemory })
    #expect(advice.sentences.contains { $0.contains("order 4 would fail by fragmentation") })
    #expect(advice.sentences.contains { $0.contains("orders 0 to 4 would fail for lack of memory") })
  }

  @Test func aBlockTakenBetweenTheReadsIsFound() {
    let before = FragmentationIndex(freeBlocks: [3, 2, 0, 1])
    var after = before
    after.freeBlocks = [4, 3, 1, 0]
    let printed = (0..<4).map { FragmentationIndexFile.text(after.unusableFreeIndex(order: $0), wholeWidth: 1) + " " }
    let files = [
      SnapshotFileKind.buddyInfo: "Node 0, zone   Normal      3      2      0      1 \n",
      .unusableIndex: "Node 0, zone   Normal " + printed.joined() + "\n",
    ]
    let line = IndexVerification(snapshot(files)).lines.first
    #expect(line?.isEqual == false)
    #expect(line?.moves?.map(\.description) == ["a block of order 0 taken out of order 3"])
  }

  @Test func twoSnapshotsDifferInWhatChanged() {
    let old = snapshot([.memInfo: "MemFree: 100 kB\nDirty: 0 kB\n", .sysctlVM: "vm.swappiness = 60\n"])
    let new = snapshot([.memInfo: "MemFree: 40 kB\nDirty: 0 kB\nNew: 0 kB\n", .sysctlVM: "vm.swappiness = 10\n"])
    let difference = SnapshotDifference(from: old, to: new)
    #expect(difference.changes.map(\.name) == ["MemFree"])
    #expect(difference.changes.first?.difference == -60)
    #expect(difference.settings.map(\.name) == ["swappiness"])
    #expect(difference.notCompared.isEmpty)
  }
}
