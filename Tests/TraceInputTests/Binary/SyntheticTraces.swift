import KernelTypes
import TestSupport

@testable import TraceInput

/// Small traces whose every event is known.
enum SyntheticTraces {
  static let formats = [
    FormatTexts.kmalloc61, FormatTexts.kmemCacheFree61, FormatTexts.pageAlloc61, FormatTexts.print,
    FormatTexts.kernelStack,
  ]

  /// `count` records of several kinds, the same ones for the same seed.
  static func records(_ count: Int, seed: UInt64) -> [[UInt8]] {
    var random = SeededGenerator(seed: seed)
    let formats = formats.compactMap { EventFormat(parsing: Array($0.utf8)) }
    return (0..<count).map { index in
      var record = RecordWriter(formats[index % 4])
      record.set("common_pid", 60 + UInt64.random(in: 0..<3, using: &random))
      record.set(
        "call_site", 0xFFFF_FFFF_8100_0000 + UInt64.random(in: 0..<64, using: &random) * 16)
      record.set("ptr", 0xFFFF_8880_0000_0000 + UInt64(index) * 64)
      record.set("bytes_req", 60)
      record.set("bytes_alloc", 64)
      record.set("gfp_flags", [0xCC0, 0xDC0, 0x400CC0].randomElement(using: &random) ?? 0xCC0)
      record.set("node", .max)
      record.set("pfn", UInt64(index))
      record.set("order", UInt64(index % 4))
      switch index % 4 {
      case 1: record.set("name", text: "cache-\(index % 7)")
      case 3: record.append(Array("mark \(index)\n".utf8) + [0])
      default: break
      }
      return record.bytes
    }
  }

  static let symbols = "ffffffff81000000 T _text\nffffffff81000100 t one\nffffffff81000200 t two\n"

  /// A file of two CPUs, the second with a gap in the numbers.
  static func file(
    version: Int, packing: TraceDatWriter.Packing = .none, count: Int = 3000,
    pages: RingPageWriter = RingPageWriter()
  ) -> TraceDatWriter {
    var writer = TraceDatWriter(version: version, packing: packing, pages: pages)
    writer.formats = formats
    writer.symbols = symbols
    writer.tasks = "60 one\n61 two words\n"
    writer.cpus = [
      (0, pages.pages(records(count, seed: 1), from: 1_000_000_000)),
      (3, pages.pages(records(count, seed: 2), from: 1_000_000_500)),
    ]
    return writer
  }
}
