import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Perfetto traces")
struct PerfettoTests {
  /// A small real capture of two CPUs.
  static func original() throws -> ReadTrace {
    try readAll(TraceInput.open(path: SampleTraces.path("6.1-slub-smp2-script-s20k")))
  }

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
    _ trace: ReadTrace, packing: PerfettoWriter.Packing = .none, roundCount: Int = 1000
  ) -> [UInt8] {
    var writer = PerfettoWriter(packing: packing)
    writer.addSystemInfo(release: "6.1.192", cpuCount: 2)
    var threads: [Int32: String] = [:]
    for event in trace.events { threads[event.pid] = trace.text(event.comm) }
    writer.addThreads(threads.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    writer.add(trace, roundCount: roundCount, gfp: number) { sites.address($0, trace) }
    writer.flush()
    writer.addMarker()
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
    let original = try Self.original()
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

  @Test("are merged by time whatever the rounds they were written in", arguments: [1, 7, 100, 1 << 20])
  func rounds(roundCount: Int) throws {
    let original = try Self.original()
    let read = try readTrace(Self.write(original, roundCount: roundCount))
    #expect(read.statistics[.outOfOrder] == 0)
    #expect(read.events.map(\.time) == original.events.map(\.time))
    #expect(read.events.map(\.cpu) == original.events.map(\.cpu))
  }

  @Test("name tasks by process trees that come late, by command lines and by the scheduler")
  func taskNames() throws {
    var trace = try Self.original()
    trace.events = Array(trace.events.prefix(4))
    for (row, pid) in [Int32(0), 7, 8, 9].enumerated() {
      trace.events[row].pid = pid
      trace.events[row].cpu = 0
    }
    var writer = PerfettoWriter()
    var bundle: [UInt8] = []
    var renamed: [UInt8] = []
    renamed.field(1, 8)
    renamed.field(3, Array("renamed".utf8))
    var event: [UInt8] = []
    event.field(1, trace.events[0].time)
    event.field(236, renamed)
    bundle.field(2, event)
    for event in trace.events { bundle.field(2, PerfettoWriter.message(event, trace, { _ in 0 }, { _ in 0x1000 })) }
    writer.addPacket(1, bundle)
    var process: [UInt8] = []
    process.field(1, 7)
    process.field(3, Array("/usr/bin/a-command-with-a-long-name".utf8))
    process.field(3, Array("argument".utf8))
    var tree: [UInt8] = []
    tree.field(1, process)
    writer.addPacket(2, tree)
    let read = try readTrace(writer.bytes)
    #expect(read.events.map { read.text($0.comm) } == ["<idle>", "a-command-with-", "renamed", "<...>"])
    #expect(read.statistics.otherEvents.map { read.text($0.key) } == ["task_rename"])
    #expect(read.statistics[.unknownEvents] == 1)
  }

  @Test("say what was lost, and where")
  func losses() throws {
    var writer = PerfettoWriter()
    var bundle: [UInt8] = []
    bundle.field(1, 3)
    bundle.field(3, 1)
    writer.addPacket(1, bundle)
    for (phase, overrun) in [(UInt64(1), UInt64(5)), (2, 12)] {
      var cpu: [UInt8] = []
      cpu.field(1, 3)
      cpu.field(3, overrun)
      var stats: [UInt8] = []
      stats.field(1, phase)
      stats.field(2, cpu)
      writer.addPacket(34, stats)
    }
    let read = try readTrace(writer.bytes)
    #expect(read.statistics[.lostEvents] == 1)
    #expect(read.statistics[.overwrittenEntries] == 7)
    #expect(read.statistics.samples.first?.text == "CPU 3 lost events before this bundle")
  }

  @Test("of kernels before 4.1 identify pages without their frames")
  func oldPages() throws {
    var page: [UInt8] = []
    page.field(1, 0)
    page.field(2, 0xFFFF_EA00_0000_1000)
    var event: [UInt8] = []
    event.field(1, 5)
    event.field(310, page)
    var bundle: [UInt8] = []
    bundle.field(2, event)
    var writer = PerfettoWriter()
    writer.addPacket(1, bundle)
    let read = try readTrace(writer.bytes)
    #expect(read.events.first?.address == 0xFFFF_EA00_0000_1000)
    #expect(read.events.first?.flags.contains(.hashedPointer) == true)
  }

  @Test("name gfp flags as the kernel of the trace does")
  func gfpNames() throws {
    let old = try #require(GFPBits(KernelVersion(6, 1)))
    let new = try #require(GFPBits(KernelVersion(6, 6)))
    #expect(old.text(0xA20) == "GFP_ATOMIC")
    #expect(new.text(0x820) == "GFP_ATOMIC")
    #expect(old.text(0) == "none")
    #expect(old.text(0xDC0) == "GFP_KERNEL|__GFP_ZERO")
    #expect(old.text(0x1C20CA) == "GFP_TRANSHUGE_LIGHT")
    #expect(old.text(0x4000_0CC0) == "GFP_KERNEL|0x40000000")
    #expect(GFPBits(KernelVersion(4, 9)) == nil)
    for (name, mask) in Self.masks where !["GFP_ATOMIC", "__GFP_KSWAPD_RECLAIM"].contains(name) {
      #expect(new.text(mask) == name)
    }
  }
}

@Suite("Damaged Perfetto traces")
struct DamagedPerfettoTests {
  static func sample(_ packing: PerfettoWriter.Packing) throws -> [UInt8] {
    var trace = try PerfettoTests.original()
    trace.events = Array(trace.events.prefix(3000))
    return PerfettoTests.write(trace, packing: packing, roundCount: 200)
  }

  @Test("that are cut keep every event before the cut and name the place")
  func cuts() throws {
    let whole = try Self.sample(.none)
    let positions = try readTrace(whole).events.map(\.position).sorted()
    var generator = SeededGenerator(seed: 1)
    let cuts = (0..<120).map { _ in Int.random(in: 200..<whole.count, using: &generator) }
    for cut in cuts {
      let read = try readTrace(Array(whole.prefix(cut)))
      let found = read.events.map(\.position).sorted()
      let kept = positions.prefix { $0 < UInt64(cut) }
      // The last event may be cut in two.
      try #require(found == Array(kept) || found == Array(kept.dropLast()), "cut at \(cut)")
      let place = read.statistics.samples.first { $0.counter == .truncatedEnd }?.location
      if read.statistics[.truncatedEnd] > 0 {
        guard case .byteOffset(let offset)? = place else {
          Issue.record("cut at \(cut) has no place")
          return
        }
        try #require(offset <= UInt64(cut))
      }
    }
  }

  @Test("with flipped bytes keep what lies before the damage", arguments: [PerfettoWriter.Packing.none, .zlib, .zstd])
  func flips(packing: PerfettoWriter.Packing) throws {
    let whole = try Self.sample(packing)
    let count = try readTrace(whole).events.count
    var generator = SeededGenerator(seed: 2)
    var named = 0
    for _ in 0..<150 {
      var bytes = whole
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
      do throws(TraceError) {
        let read = try readTrace(bytes)
        if packing == .none {
          let before = read.events.count { $0.position < UInt64(place) }
          // A bundle of 200 events may be lost from its beginning on.
          try? #require(before + 210 >= count * place / whole.count / 2)
        }
        if !read.statistics.samples.isEmpty { named += 1 }
      } catch {
        #expect([.unknownFormat, .empty, .unsupportedFormat].contains(error.code))
      }
    }
    #expect(named > 0)
  }

  @Test("go on behind the next synchronization marker")
  func resynchronization() throws {
    let part = try Self.sample(.none)
    let once = try readTrace(part).events.count
    // No packet begins with this byte.
    let read = try readTrace(part + [0xFF, 0xFF, 0xFF] + part + part)
    #expect(read.events.count == 2 * once)
    #expect(read.statistics[.malformedLines] == 1)
    #expect(read.statistics.samples.first?.location == .byteOffset(UInt64(part.count)))
  }

  @Test("can't make a compressed packet take all memory")
  func bomb() throws {
    var writer = PerfettoWriter(packing: .zlib)
    writer.addPacket(900, [UInt8](repeating: 0, count: 100 << 20))
    writer.flush()
    #expect(writer.bytes.count < 200_000)
    let read = try readTrace(writer.bytes)
    #expect(read.statistics[.malformedLines] == 1)
  }
}
