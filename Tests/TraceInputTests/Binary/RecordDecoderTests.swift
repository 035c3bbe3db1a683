import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

/// A decoder with everything around it, for tests.
final class DecoderBench {
  let strings = StringInterner()
  let stacks = StackTable()
  private var decoder: RecordDecoder
  private var batch = EventBatch()

  init(
    _ texts: [String], byteOrder: ByteOrder = .little, longSize: Int = 8,
    setUp: (inout EventCatalogue) -> Void = { _ in }
  ) {
    var catalogue = EventCatalogue()
    catalogue.byteOrder = byteOrder
    catalogue.longSize = longSize
    for text in texts { catalogue.addFormat(Array(text.utf8)) }
    setUp(&catalogue)
    decoder = RecordDecoder(catalogue, strings: strings, stacks: stacks)
  }

  var features: EraFeatures { decoder.features }
  var others: UInt64 { decoder.otherEvents.total }

  func decode(_ record: [UInt8], time: UInt64 = 1, cpu: UInt16 = 0) -> RecordDecoder.Outcome {
    record.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return .malformed }
      return decoder.decode(start, count: bytes.count, time: time, cpu: cpu, position: 7, into: &batch)
    }
  }

  func startStream() { decoder.startStream() }

  var events: [Event] { (0..<batch.count).map { batch[$0] } }

  func text(_ id: StringID) -> String { strings.string(id) }
}

@Suite("Records of trace events")
struct RecordDecoderTests {
  private func format(_ text: String) throws -> EventFormat { try #require(EventFormat(parsing: Array(text.utf8))) }

  @Test func `A kmalloc record of 6_1 gives what the kernel prints`() throws {
    let symbols = "ffffffff81000000 T _text\nffffffff81234500 t one\nffffffff81234600 T two\n"
    let bench = DecoderBench([FormatTexts.kmalloc61]) { catalogue in
      catalogue.tasks[66] = "wl"
      catalogue.symbols = KernelSymbols(Array(symbols.utf8))
    }
    var record = RecordWriter(try format(FormatTexts.kmalloc61))
    record.set("common_pid", 66)
    record.set("call_site", 0xFFFF_FFFF_8123_4510)
    record.set("ptr", 0xFFFF_8880_0123_4500)
    record.set("bytes_req", 60)
    record.set("bytes_alloc", 64)
    record.set("gfp_flags", 0x400CC0)
    record.set("node", .max)
    #expect(bench.decode(record.bytes, time: 123, cpu: 3) == .event)
    let event = try #require(bench.events.first)
    #expect(event.kind == .kmalloc)
    #expect(event.time == 123)
    #expect(event.cpu == 3)
    #expect(event.pid == 66)
    #expect(event.position == 7)
    #expect(bench.text(event.comm) == "wl")
    #expect(bench.text(event.callSite) == "one+0x10/0x100")
    #expect(event.address == 0xFFFF_8880_0123_4500)
    #expect(event.requestedBytes == 60)
    #expect(event.allocatedBytes == 64)
    #expect(bench.text(event.gfp) == "GFP_KERNEL_ACCOUNT")
    #expect(event.node == -1)
    #expect(event.flags == EventFlags.hasTask.union(.accounted))
    #expect(bench.features == [.accounted, .nodeInKmalloc, .symbolicCallSites])
  }

  @Test func `Big-endian records of a 32-bit 3_6 kernel are read by their own format`() throws {
    let bench = DecoderBench([FormatTexts.kmalloc36], byteOrder: .big, longSize: 4)
    var record = RecordWriter(try format(FormatTexts.kmalloc36), byteOrder: .big)
    record.set("common_pid", 1)
    record.set("call_site", 0xC104_DD2F)
    record.set("ptr", 0xC147_DD20)
    record.set("bytes_req", 60)
    record.set("bytes_alloc", 64)
    record.set("gfp_flags", 0x80D0)
    #expect(bench.decode(record.bytes) == .event)
    let event = try #require(bench.events.first)
    #expect(event.address == 0xC147_DD20)
    #expect(bench.text(event.callSite) == "c104dd2f")
    #expect(bench.text(event.gfp) == "GFP_KERNEL|GFP_ZERO")
    #expect(bench.text(event.comm) == "<...>")
    #expect(event.node == -1)
    #expect(bench.features == [.rawCallSites, .plainModifierNames])
  }

  @Test func `The name of a cache lies behind the record`() throws {
    let bench = DecoderBench([FormatTexts.kmemCacheFree61])
    var record = RecordWriter(try format(FormatTexts.kmemCacheFree61))
    record.set("ptr", 0xFFFF_8880_0123_4500)
    record.set("name", text: "buffer_head")
    #expect(bench.decode(record.bytes) == .event)
    #expect(bench.text(try #require(bench.events.first).name) == "buffer_head")
    #expect(bench.features.contains(.nameInFree))
  }

  @Test func `A name that lies outside its record is damage`() throws {
    let bench = DecoderBench([FormatTexts.kmemCacheFree61])
    var record = RecordWriter(try format(FormatTexts.kmemCacheFree61))
    record.set("name", UInt64(record.bytes.count) | 1 << 16)
    #expect(bench.decode(record.bytes) == .malformed)
    record.set("name", 0xFFFF_FFFF)
    #expect(bench.decode(record.bytes) == .malformed)
    #expect(bench.events.isEmpty)
  }

  @Test func `A page allocation that failed has no frame`() throws {
    let bench = DecoderBench([FormatTexts.pageAlloc61])
    var record = RecordWriter(try format(FormatTexts.pageAlloc61))
    record.set("pfn", .max)
    record.set("order", 9)
    record.set("migratetype", 1)
    #expect(bench.decode(record.bytes) == .event)
    record.set("pfn", 0x2CE8)
    #expect(bench.decode(record.bytes) == .event)
    #expect(bench.events.map(\.address) == [0, 0x2CE8])
    #expect(bench.events.map { $0.flags.contains(.failed) } == [true, false])
    #expect(bench.events.map(\.order) == [9, 9])
    #expect(bench.events.map(\.migrateType) == [1, 1])
    #expect(bench.features.contains(.hexadecimalFrames))
    record.set("order", 1 << 20)
    #expect(bench.decode(record.bytes) == .malformed)
  }

  @Test func `Kernels that record the page identify it and compute percpu_refill while printing`() throws {
    let bench = DecoderBench([FormatTexts.zoneLocked36], longSize: 4)
    var record = RecordWriter(try format(FormatTexts.zoneLocked36))
    record.set("page", 0xC1A0_B0C0)
    #expect(bench.decode(record.bytes) == .event)
    record.set("order", 3)
    #expect(bench.decode(record.bytes) == .event)
    #expect(bench.events.map { $0.flags.contains(.perCPURefill) } == [true, false])
    #expect(bench.events.allSatisfy { $0.flags.contains(.hashedPointer) && $0.address == 0xC1A0_B0C0 })
  }

  @Test(arguments: [(0, true), (8, true), (9, false), (10, false)] as [(UInt64, Bool)])
  func `Fragmenting and pageblock_order come from the format's print text`(order: UInt64, fragments: Bool) throws {
    let bench = DecoderBench([FormatTexts.extfrag61])
    var record = RecordWriter(try format(FormatTexts.extfrag61))
    record.set("pfn", 0x400)
    record.set("alloc_order", 2)
    record.set("fallback_order", order)
    record.set("alloc_migratetype", 2)
    record.set("fallback_migratetype", 1)
    record.set("change_ownership", 1)
    #expect(bench.decode(record.bytes) == .event)
    let event = try #require(bench.events.first)
    #expect(event.order == 2)
    #expect(event.requestedBytes == order)
    #expect(event.allocatedBytes == 1)
    #expect(event.migrateType == 2)
    #expect(event.node == 9)
    #expect(event.flags.contains(.fragmenting) == fragments)
    #expect(event.flags.contains(.changeOwnership))
  }

  @Test func `A member of rss_stat has its name, and its size may be negative`() throws {
    let bench = DecoderBench([FormatTexts.rssStat61])
    var record = RecordWriter(try format(FormatTexts.rssStat61))
    record.set("mm_id", 4_000_000_000)
    record.set("member", 1)
    record.set("size", UInt64(bitPattern: -4096))
    #expect(bench.decode(record.bytes) == .event)
    #expect(bench.decode(record.bytes) == .event)
    record.set("member", 7)
    #expect(bench.decode(record.bytes) == .event)
    #expect(bench.events.map { bench.text($0.name) } == ["MM_ANONPAGES", "MM_ANONPAGES", "0x7"])
    #expect(bench.events.map(\.address) == [4_000_000_000, 4_000_000_000, 4_000_000_000])
    #expect(bench.events.map { Int64(bitPattern: $0.requestedBytes) } == [-4096, -4096, -4096])
  }

  @Test func `Compaction by hand has no order, which is no damage`() throws {
    let bench = DecoderBench([FormatTexts.compactionSuitable61])
    var record = RecordWriter(try format(FormatTexts.compactionSuitable61))
    record.set("order", UInt64(bitPattern: -1))
    #expect(bench.decode(record.bytes) == .event)
    record.set("order", 9)
    #expect(bench.decode(record.bytes) == .event)
    record.set("order", 256)
    #expect(bench.decode(record.bytes) == .malformed)
    // As in text.
    #expect(bench.events.map(\.order) == [255, 9])
  }

  @Test func `A number is the same with a branch for its size and without`() {
    let bytes = (0..<64).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 0x77) }
    for minimumBytes in [8, 9, 12, 24, 64] {
      for size in [1, 2, 4, 8] where size <= minimumBytes {
        for offset in 0...minimumBytes - size {
          for (isSigned, swapped) in [(false, false), (false, true), (true, false), (true, true)] {
            var slot = FieldSlot()
            slot.offset = Int32(offset)
            slot.size = UInt8(size)
            slot.isSigned = isSigned
            let load = FieldLoad(slot, minimumBytes: minimumBytes, swapped: swapped)
            bytes.withUnsafeBytes { bytes in
              guard let start = bytes.baseAddress else { return }
              #expect(load.value(start, swapped: swapped) == slot.load(start, swapped: swapped))
              #expect(FieldLoad().value(start, swapped: swapped) == 0)
            }
          }
        }
      }
    }
  }

  @Test func `A page fault has the symbol of its instruction where there is one`() throws {
    let bench = DecoderBench([FormatTexts.pageFault61]) { catalogue in
      catalogue.symbols = KernelSymbols(Array("ffffffff81234500 t do_it\nffffffff81234600 T two\n".utf8))
    }
    var record = RecordWriter(try format(FormatTexts.pageFault61))
    record.set("address", 0x7F00_1234_5678)
    record.set("error_code", 6)
    record.set("ip", 0xFFFF_FFFF_8123_4510)
    #expect(bench.decode(record.bytes) == .event)
    record.set("ip", 0x55D0_C000_0000)
    #expect(bench.decode(record.bytes) == .event)
    #expect(bench.events.map(\.address) == [0x7F00_1234_5678, 0x7F00_1234_5678])
    #expect(bench.events.map(\.requestedBytes) == [6, 6])
    #expect(bench.events.map(\.allocatedBytes) == [0, 0x55D0_C000_0000])
    #expect(bench.events.map { bench.text($0.callSite) } == ["do_it", ""])
  }

  @Test func `A fork names the child`() throws {
    let bench = DecoderBench([FormatTexts.fork61])
    var record = RecordWriter(try format(FormatTexts.fork61))
    record.set("parent_pid", 1)
    record.set("child_pid", 77)
    var bytes = record.bytes
    bytes.replaceSubrange(28..<33, with: Array("child".utf8))
    #expect(bench.decode(bytes) == .event)
    let event = try #require(bench.events.first)
    #expect(event.kind == .schedProcessFork)
    #expect(event.address == 77)
    #expect(event.requestedBytes == 1)
    #expect(bench.text(event.name) == "child")
  }

  @Test func `A mapping call has its arguments in the columns of text`() throws {
    let bench = DecoderBench([FormatTexts.enterMmap61, FormatTexts.exitMmap61])
    var enter = RecordWriter(try format(FormatTexts.enterMmap61))
    enter.set("len", 0x1000)
    enter.set("prot", 3)
    enter.set("flags", 0x22)
    enter.set("fd", .max)
    var exit = RecordWriter(try format(FormatTexts.exitMmap61))
    exit.set("ret", 0x7F0A_1C00_0000)
    #expect(bench.decode(enter.bytes) == .event)
    #expect(bench.decode(exit.bytes) == .event)
    let text = try readTrace(
      "     wl-66      [001] .....   100.000123: sys_mmap(addr: 0, len: 1000, prot: 3, flags: 22, "
        + "fd: ffffffffffffffff, off: 0)\n"
        + "     wl-66      [001] .....   100.000123: sys_mmap -> 0x7f0a1c000000\n")
    for (binary, text) in zip(bench.events, text.events) {
      #expect(binary.kind == text.kind)
      #expect(binary.address == text.address)
      #expect(binary.requestedBytes == text.requestedBytes)
      #expect(binary.allocatedBytes == text.allocatedBytes)
      #expect(binary.node == text.node)
    }
    #expect(bench.events.map { bench.text($0.name) } == ["mmap", "mmap"])
    #expect(text.events.count == 2)
  }

  @Test func `A mark is the text without its line feed`() throws {
    let bench = DecoderBench([FormatTexts.print])
    var record = RecordWriter(try format(FormatTexts.print))
    record.append(Array("WL begin\n".utf8) + [0, 0, 0])
    #expect(bench.decode(record.bytes) == .event)
    let event = try #require(bench.events.first)
    #expect(event.kind == .mark)
    #expect(bench.text(event.name) == "WL begin")
  }

  @Test func `A stack trace belongs to the record before it`() throws {
    let bench = DecoderBench([FormatTexts.kmemCacheFree61, FormatTexts.kernelStack])
    var free = RecordWriter(try format(FormatTexts.kmemCacheFree61))
    free.set("name", text: "a")
    var stack = RecordWriter(try format(FormatTexts.kernelStack))
    stack.set("size", 2)
    stack.append([])
    let frames = [0xFFFF_FFFF_8100_0010, 0xFFFF_FFFF_8100_0020, 0xFFFF_FFFF_8100_0030] as [UInt64]
    let head = Array(stack.bytes[..<16])
    let record = head + frames.flatMap { RecordWriter.number($0, size: 8, .little) }
    #expect(bench.decode(record) == .strayStack)
    #expect(bench.decode(free.bytes) == .event)
    #expect(bench.decode(record) == .stack)
    #expect(bench.decode(record) == .strayStack)
    #expect(bench.decode(free.bytes) == .event)
    bench.startStream()
    #expect(bench.decode(record) == .strayStack)
    let stacks = bench.events.map { bench.stacks[$0.stack].map(bench.text) }
    #expect(stacks == [["0xffffffff81000010", "0xffffffff81000020"], []])
  }

  @Test func `Other events are counted, unknown numbers and short records are damage`() throws {
    let other = FormatTexts.text("sched_switch", 300, ["int prev;\toffset:8;\tsize:4;\tsigned:1;"], "\"%d\", REC->prev")
    let bench = DecoderBench([other, FormatTexts.kmalloc61])
    #expect(bench.decode(RecordWriter(try format(other)).bytes) == .other)
    #expect(bench.others == 1)
    #expect(bench.decode([0xFF, 0xFF, 0, 0, 0, 0, 0, 0]) == .malformed)
    let whole = RecordWriter(try format(FormatTexts.kmalloc61)).bytes
    for count in 0..<whole.count { #expect(bench.decode(Array(whole[..<count])) == .malformed) }
    #expect(bench.decode(whole) == .event)
  }

  @Test func `An event whose format lacks a field it must have can't be read`() throws {
    let text = FormatTexts.kmalloc61.replacing("bytes_alloc;", with: "bytes;")
    let bench = DecoderBench([text])
    #expect(bench.decode(RecordWriter(try format(text)).bytes) == .malformed)
  }
}

@Suite("Symbols of a trace file")
struct KernelSymbolsTests {
  private let symbols = KernelSymbols(
    Array(
      """
      0000000000000000 A fixed_percpu_data
      ffffffff81000000 T _text
      ffffffff81000000 T startup
      ffffffff81000100 t inner
      ffffffff81000180 D data
      ffffffff82000000 T far
      ffffffffc0002000 t load\t[ext4]
      ffffffffc0001000 t init\t[ext4]
      """.utf8))

  @Test func `A call site is named with offset, size and module`() {
    #expect(symbols.callSite(0xFFFF_FFFF_8100_0010) == "_text+0x10/0x100")
    #expect(symbols.callSite(0xFFFF_FFFF_8100_017F) == "inner+0x7f/0x80")
    #expect(symbols.callSite(0xFFFF_FFFF_C000_1010) == "init+0x10/0x1000 [ext4]")
    #expect(symbols.function(0xFFFF_FFFF_C000_2010) == "load")
  }

  @Test func `An address far from all symbols has none`() {
    #expect(symbols.callSite(0x1000) == nil)
    #expect(symbols.callSite(0xFFFF_FFFF_C000_3000) == nil)
    #expect(symbols.callSite(0xFFFF_FFFF_BF00_0000) == nil)
    #expect(KernelSymbols([]).callSite(.max) == nil)
  }
}
