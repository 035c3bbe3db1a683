import KernelTypes
import MemoryModels
import TestSupport
import Testing

@testable import ProcSnapshots

/// Page tables made from the pages that real processes had, graded by what the kernel counted for them.
@Suite("Page tables of real processes") struct PageTableGradeTests {
  private let attributes = PageAttributes([.read, .user])

  @Test func `the pages of a process need as many table pages as its VmPTE says`() throws {
    // Runs of present pages (page number, count) of one process on 6.1, x86-64; its status says VmPTE 52 kB.
    let runs: [(UInt64, UInt64)] = [
      (0x400, 208), (0x4D3, 8), (0x4EA, 1), (0x9EA, 33), (0xA12, 2), (0xA17, 2), (0x30D8, 2), (0x7_FA04_78D6, 1024),
      (0x7_FFD0_7B14, 4), (0x7_FFD0_7B4C, 1),
    ]
    var frames = FrameSequence(from: PageFrame(1))
    let table = try #require(PageTable(.x86_64, frames: &frames))
    for (first, count) in runs {
      for page in first..<first + count { try table.map(page << 12, to: page << 12, attributes, frames: &frames) }
    }
    #expect(table.tablePages == [1, 2, 3, 8])
    #expect(table.countedBytes == 52 * 1024)
  }

  @Test(arguments: CapturedSnapshots.archives.filter { $0.contains("-pf/") })
  func `every captured process has the table pages that the model gives it`(archive: String) throws {
    var reader = TarReader(try ArchiveBytes(path: archive), name: archive)
    var files: [String: [UInt8]] = [:]
    while let entry = try reader.next({ $0.contains("mini/") && ($0.hasSuffix(".pagemap") || $0.hasSuffix(".status")) })
    {
      files[entry.name.split(separator: "/").last.map(String.init) ?? ""] = entry.bytes
    }
    var checked = 0
    for label in ["pre", "post"] {
      guard let pages = files[label + ".pagemap"], let text = files[label + ".status"] else { continue }
      let status = try ProcessStatus(parsing: FileContent(name: label, bytes: text))
      let counted = try #require(status.kilobytes("VmPTE"))
      var frames = FrameSequence(from: PageFrame(1 << 20))
      let table = try #require(PageTable(.x86_64, frames: &frames))
      // These captures have lines such as `401000 pfn f6a9 file excl`.
      for line in String(decoding: pages, as: UTF8.self).split(separator: "\n") {
        let fields = line.split(separator: " ")
        let address = try #require(UInt64(fields[0], radix: 16))
        let number = try #require(UInt64(fields[2], radix: 16))
        if fields[1] == "pfn" {
          try table.map(address, to: number << 12, attributes, frames: &frames)
          let translated = table.translate(address + 5, .userRead).page?.physicalAddress
          #expect(translated == number << 12 + 5)
        } else {
          try table.storeAbsent(number << 1 | 1 << 40, at: address, frames: &frames)
        }
      }
      #expect(table.countedBytes == counted * 1024, "\(archive) \(label)")
      #expect(table.checkInvariants() == [])
      checked += 1
    }
    #expect(checked == 2)
  }
}
