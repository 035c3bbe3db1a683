import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Perfetto traces")
struct PerfettoTests {
  /// A small real capture of two CPUs.
  static let original = Result { try readAll(TraceInput.open(path: SampleTraces.path("6.1-slub-smp2-script-s20k"))) }
  static let sites = AddressBook()

  static let bits = GFPBits(KernelVersion(6, 1))

  /// Invents an address for each call site.
  final class AddressBook: Sendable {
    static let base: UInt64 = 0xFFFF_FFFF_8100_0000
    func address(_ site: String, _ trace: ReadTrace) -> UInt64 {
      Self.base + 16 * UInt64(trace.strings.find(site)?.rawValue ?? 0)
    }
    func site(_ text: String, _ trace: ReadTrace) -> String {
      guard let address = UInt64(text.dropFirst(2), radix: 16), address >= Self.base else { return text }
      return trace.text(StringID(rawValue: UInt32((address - Self.base) / 16)))
    }
  }

  static func number(gfp: String) -> UInt64 {
    gfp.split(separator: "|").reduce(0) { $0 | (masks[String($1)] ?? 0) }
  }

  static let masks: [String: UInt64] = [
    "GFP_KERNEL": 0xCC0, "GFP_KERNEL_ACCOUNT": 0x400CC0, "GFP_ATOMIC": 0xA20, "GFP_NOWAIT": 0x800, "GFP_NOIO": 0xC00,
    "GFP_NOFS": 0xC40, "GFP_USER": 0x100CC0, "GFP_HIGHUSER": 0x100CC2, "GFP_HIGHUSER_MOVABLE": 0x100CCA,
    "GFP_TRANSHUGE_LIGHT": 0x1C20CA, "GFP_TRANSHUGE": 0x1C24CA, "__GFP_ZERO": 0x100, "__GFP_NOWARN": 0x2000,
    "__GFP_NORETRY": 0x10000, "__GFP_COMP": 0x40000, "__GFP_NOMEMALLOC": 0x80000, "__GFP_HARDWALL": 0x100000,
    "__GFP_RECLAIMABLE": 0x10, "__GFP_MOVABLE": 0x8, "__GFP_ACCOUNT": 0x400000, "__GFP_MEMALLOC": 0x20000,
    "__GFP_HIGH": 0x20, "__GFP_HIGHMEM": 2, "__GFP_WRITE": 0x1000, "__GFP_IO": 0x40, "__GFP_FS": 0x80,
    "__GFP_KSWAPD_RECLAIM": 0x800, "__GFP_DIRECT_RECLAIM": 0x400, "__GFP_THISNODE": 0x200000, "GFP_DMA32": 4,
    "__GFP_NOFAIL": 0x8000, "__GFP_RETRY_MAYFAIL": 0x4000,
  ]

  static func write(
    _ trace: ReadTrace, packing: PerfettoWriter.Packing = .none, roundCount: Int = 1000, marksEvery: Int = 0
  ) -> [UInt8] {
    var writer = PerfettoWriter(packing: packing)
    writer.addSystemInfo(release: "6.1.192", cpuCount: 2)
    var threads: [Int32: String] = [:]
    for event in trace.events { threads[event.pid] = trace.text(event.comm) }
    writer.addThreads(threads.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    writer.add(trace, roundCount: roundCount, gfp: number) { sites.address($0, trace) }
    writer.addMarker()
    writer.flush()
    return writer.bytes
  }

  /// What both forms have of an event, in words.
  static func describe(_ event: Event, _ read: ReadTrace, _ site: String) -> String {
    // Perfetto has neither node= nor accounted= of kmalloc, and of extfrag no computed fields.
    let known = event.flags.subtracting([.accounted, .perCPURefill, .fragmenting])
    return "\(event.kind) \(event.time) \(event.cpu) \(event.pid) \(event.address) \(event.requestedBytes) "
      + "\(event.allocatedBytes) \(event.order) \(event.migrateType) \(known.rawValue) \(read.text(event.comm)) "
      + "\(site) \(read.text(event.gfp)) "
      + "\(event.kind == .mark || event.kind == .rssStat ? read.text(event.name) : "")"
  }

  @Test("give the events of the text they were made of", arguments: [PerfettoWriter.Packing.none, .zlib, .zstd])
  func sameEvents(packing: PerfettoWriter.Packing) throws {
    let original = try Self.original.get()
    let read = try readTrace(Self.write(original, packing: packing))
    #expect(read.context.container == .perfetto)
    #expect(read.context.kernelRelease == "6.1.192")
    #expect(read.context.cpuCount == 2)
    #expect(read.context.pointerBytes == 8)
    #expect(read.events.count == original.events.count)
    #expect(read.statistics.samples == [])
    for (left, right) in zip(original.events, read.events) {
      let wanted = Self.describe(left, original, original.text(left.callSite))
      let found = Self.describe(right, read, Self.sites.site(read.text(right.callSite), original))
      try #require(wanted == found)
    }
  }
}
