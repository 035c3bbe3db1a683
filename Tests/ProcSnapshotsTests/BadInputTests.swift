import TestSupport
import Testing

@testable import ProcSnapshots

@Suite struct BadInputTests {
  private func content(_ text: String) -> FileContent { FileContent(name: "file", text: text) }

  private func code(_ body: () throws(SnapshotError) -> Void) -> SnapshotError.Code? {
    do throws(SnapshotError) {
      try body()
      return nil
    } catch {
      return error.code
    }
  }

  @Test(arguments: SnapshotFileKind.allCases)
  func anEmptyFileIsCalledEmpty(kind: SnapshotFileKind) {
    #expect(code { () throws(SnapshotError) in _ = try kind.type.init(parsing: content("")) } == .empty)
  }

  @Test(arguments: SnapshotFileKind.allCases)
  func garbageThrowsOrIsCountedAndNeverCrashes(kind: SnapshotFileKind) {
    var random = SeededGenerator(seed: 42)
    for length in [1, 7, 8, 100, 5000] {
      for top in [UInt8(255), 127] {
        let bytes = (0..<length).map { _ in UInt8.random(in: 0...top, using: &random) }
        _ = try? kind.type.init(parsing: FileContent(name: "garbage", bytes: bytes))
      }
    }
  }

  @Test func aFileOfAnotherKindIsRefused() throws {
    let files = try Captures.files(CapturedSnapshots.sample)
    // A process's maps begin each entry of smaps, name-and-number files look alike, and any line can be a command line.
    let alike: Set<[SnapshotFileKind]> = [
      [.maps, .smaps], [.smaps, .maps], [.fragmentationIndex, .unusableIndex], [.unusableIndex, .fragmentationIndex],
      [.pageFlags, .pageCounts], [.pageCounts, .pageFlags],
    ]
    for file in files {
      for kind in SnapshotFileKind.allCases where kind != file.kind && kind != .commandLine {
        if alike.contains([file.kind, kind]) || kind == .pageMap && !file.content.bytes.prefix(9).allSatisfy({ $0 > 8 })
        {
          continue
        }
        #expect(throws: SnapshotError.self, "\(file.content.name) as \(kind)") {
          try kind.type.init(parsing: file.content)
        }
      }
    }
  }

  @Test func aFileCutShortAtAnyByteThrowsOrSaysSo() throws {
    let files = try Captures.files(CapturedSnapshots.sample)
    for file in files where file.content.bytes.count < 20_000 {
      let bytes = file.content.bytes
      for length in stride(from: 1, to: bytes.count - 1, by: max(bytes.count / 60, 1)) {
        let cut = FileContent(name: "cut", bytes: Array(bytes[..<length]))
        guard let value = try? file.kind.type.init(parsing: cut) else { continue }
        let endsALine = bytes[length - 1] == 0x0A || bytes[length - 1] == 0x20
        #expect(value.damage.isCutShort || endsALine, "\(file.content.name) cut at \(length)")
      }
    }
  }

  @Test func changedBytesNeverCrash() throws {
    var random = SeededGenerator(seed: 7)
    for file in try Captures.files(CapturedSnapshots.sample) where file.content.bytes.count < 20_000 {
      for _ in 0..<40 {
        var bytes = file.content.bytes
        for _ in 0..<3 {
          bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if let value = try? file.kind.type.init(parsing: FileContent(name: "changed", bytes: bytes)) { _ = value.bytes }
      }
    }
  }

  @Test func aRowWithAColumnTooManyIsLeftOutAndTheRestIsUsed() throws {
    let info = try BuddyInfo(
      parsing: content(
        """
        Node 0, zone      DMA      1      2      3 
        Node 0, zone    DMA32      1      2      3      4 
        Node 0, zone   Normal      7      8      9 

        """))
    #expect(info.zones.map(\.id.zone) == ["DMA", "Normal"])
    #expect(info.damage.linesLeftOut == 1)
    #expect(info.damage.samples.first?.line == 2)
    #expect(info.damage.samples.first?.expected == "3 columns, as in the other lines")
  }

  @Test func theErrorOfAWrongFileSaysWhereWhatAndWhatToDo() throws {
    let error = #expect(throws: SnapshotError.self) { try BuddyInfo(parsing: content("MemTotal:  12 kB\n")) }
    #expect(
      error?.description
        == "file, line 1: `MemTotal:  12 kB`; expected lines such as `Node 0, zone   Normal      1      2 …`. Check that "
        + "the file is what its name says.")
  }

  @Test func numbersBeyondReasonAreNotAdded() {
    #expect(throws: SnapshotError.self) {
      try BuddyInfo(parsing: content("Node 0, zone Normal 18446744073709551615 1\n"))
    }
    #expect(throws: SnapshotError.self) {
      try BuddyInfo(parsing: content("Node 0, zone Normal 99999999999999999999999 1\n"))
    }
  }

  @Test func textWhereWordsAreExpectedIsNamed() {
    let error = #expect(throws: SnapshotError.self) { try KPageFlags(parsing: content("400000 pfn 22dd file\n")) }
    #expect(error?.code == .wrongKind)
    #expect(error?.found == "text (`400000 pfn 22dd file`)")
  }

  @Test func slabinfoOfAnotherVersionIsRefused() {
    let error = #expect(throws: SnapshotError.self) { try SlabInfo(parsing: content("slabinfo - version: 1.1\n")) }
    #expect(error?.code == .unsupportedVersion)
  }
}
