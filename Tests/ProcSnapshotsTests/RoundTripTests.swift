import TestSupport
import Testing

@testable import ProcSnapshots

@Suite struct RoundTripTests {
  /// What comes back from a file, or why it can't be read.
  private func expectSameBytes(_ file: SnapshotReader.Candidate, in archive: String) {
    do throws(SnapshotError) {
      let value: any KernelFile = try file.kind.type.init(parsing: file.content)
      #expect(value.damage.isNone, "\(archive) \(file.content.name): \(value.damage)")
      let isSame = value.bytes == file.content.bytes
      if !isSame {
        let printed = value.text.split(separator: "\n", omittingEmptySubsequences: false)
        let original = String(decoding: file.content.bytes, as: UTF8.self)
          .split(separator: "\n", omittingEmptySubsequences: false)
        let line = zip(printed, original).first { $0 != $1 }
        Issue.record("\(archive) \(file.content.name): printed `\(line?.0 ?? "")` for `\(line?.1 ?? "")`")
      }
    } catch {
      Issue.record("\(archive): \(error)")
    }
  }

  /// The lab writes pages of a process as text of its own.
  private func isOwnListing(_ file: SnapshotReader.Candidate) -> Bool {
    file.kind == .pageMap && file.content.bytes.prefix(80).contains(0x0A)
  }

  @Test func everyFileOfTheSampleSnapshotPrintsBackByteForByte() throws {
    let files = try Captures.files(CapturedSnapshots.sample)
    #expect(files.count == 21)
    for file in files { expectSameBytes(file, in: "sample") }
  }

  @Test(
    .enabled(if: !CapturedSnapshots.archives.isEmpty, "there are no captures beside the package"),
    arguments: CapturedSnapshots.archives)
  func everyFileOfACapturePrintsBackByteForByte(archive: String) throws {
    let files = try Captures.files(archive)
    #expect(files.count > 15)
    for file in files where !isOwnListing(file) { expectSameBytes(file, in: archive) }
    for file in files where isOwnListing(file) {
      #expect(throws: SnapshotError.self) { try ProcessPageMap(parsing: file.content) }
    }
  }
}
