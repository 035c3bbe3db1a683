import FoundationEssentials
import KernelTypes
import TestSupport
import Testing

@testable import ProcSnapshots

@Suite struct SnapshotReaderTests {
  private let buddyInfo = "Node 0, zone   Normal      1      2      3 \n"

  @Test func theSampleArchiveIsOneWholeSnapshot() throws {
    let snapshot = try SnapshotReader.read(path: CapturedSnapshots.sample)
    #expect(snapshot.present.count == 21)
    #expect(snapshot.unusable.isEmpty)
    #expect(snapshot.missing == [.pageOwner, .allocInfo, .pageMap])
    #expect(snapshot.version?.kernel?.description == "6.1")
    #expect(snapshot.pageFlags?.pages.words.count == 65536)
  }

  @Test func aDirectoryWithOneFileIsASnapshotWithGaps() throws {
    let path = try CapturedSnapshots.directory(["buddyinfo": buddyInfo, "notes.md": "x"])
    defer { CapturedSnapshots.remove(path) }
    let snapshot = try SnapshotReader.read(path: path)
    #expect(Array(snapshot.present.keys) == [.buddyInfo])
    #expect(snapshot.buddyInfo?.zones.first?.freeBlocks == [1, 2, 3])
    let single = try SnapshotReader.read(path: path + "/buddyinfo")
    #expect(single.buddyInfo == snapshot.buddyInfo)
  }

  @Test func oneUnusableFileIsNotedAndTheRestIsUsed() throws {
    let path = try CapturedSnapshots.directory(["buddyinfo": buddyInfo, "meminfo": "", "zoneinfo": "garbage\n"])
    defer { CapturedSnapshots.remove(path) }
    let snapshot = try SnapshotReader.read(path: path)
    #expect(snapshot.unusable.map(\.kind) == [.memInfo, .zoneInfo])
    #expect(snapshot.unusable.first?.error.code == .empty)
    #expect(snapshot.buddyInfo != nil)
  }

  @Test func labelsAndDirectoriesChooseAmongSeveralSnapshots() throws {
    let path = try CapturedSnapshots.directory([
      "mini/t0.buddyinfo": buddyInfo, "mini/t1.buddyinfo": "Node 0, zone   Normal      9 \n",
      "after/buddyinfo": "Node 0, zone   Normal      5 \n",
    ])
    defer { CapturedSnapshots.remove(path) }
    let error = #expect(throws: SnapshotError.self) { try SnapshotReader.read(path: path) }
    #expect(error?.code == .ambiguous)
    #expect(error?.remedy == "Choose with --label: `after`, `mini/t0`, `mini/t1`")
    for (label, count) in [("after", 5), ("t1", 9), ("mini/t0", 1)] as [(String, UInt64)] {
      let snapshot = try SnapshotReader.read(path: path, label: label)
      #expect(snapshot.buddyInfo?.zones.first?.freeBlocks.first == count)
    }
    #expect(throws: SnapshotError.self) { try SnapshotReader.read(path: path, label: "t2") }
  }

  @Test func whatIsNoSnapshotIsRefusedWithAReason() throws {
    let path = try CapturedSnapshots.directory(["notes.md": "x", "a.tar": "not a tar"])
    defer { CapturedSnapshots.remove(path) }
    for (name, code) in [
      ("", .nothingFound), ("/notes.md", .wrongKind), ("/a.tar", .wrongKind), ("/none", .cannotOpen),
    ]
      as [(String, SnapshotError.Code)]
    {
      let error = #expect(throws: SnapshotError.self) { try SnapshotReader.read(path: path + name) }
      #expect(error?.code == code, "\(name)")
    }
  }

  @Test func anArchiveCutShortIsUsedUpToTheDamage() throws {
    let bytes = try FileSystem.contents(of: CapturedSnapshots.sample, limit: 1 << 20)
    let path = try CapturedSnapshots.directory(["x": ""])
    defer { CapturedSnapshots.remove(path) }
    var counts: Set<Int> = []
    for length in stride(from: 10, to: bytes.count, by: 1500) {
      try Data(bytes[..<length]).write(to: URL(filePath: path + "/cut.tar.zst"))
      do throws(SnapshotError) {
        let snapshot = try SnapshotReader.read(path: path + "/cut.tar.zst")
        #expect(snapshot.archiveError?.code == .damagedArchive)
        #expect(snapshot.unusable.isEmpty)
        counts.insert(snapshot.present.count)
      } catch {
        #expect(error.code == .damagedArchive)
      }
    }
    #expect(counts.contains { $0 > 3 })
  }
}
