import FoundationEssentials
import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("perf.data")
struct PerfDataTests {
  static func sample(_ name: String) throws -> ReadTrace {
    try readAll(TraceInput.open(path: SampleTraces.file("6.18-slub-smp2-perf/" + name)))
  }

  /// The unpacked bytes of a sample.
  static func bytes(_ name: String) throws -> [UInt8] {
    let source = try TraceInput.unpack(
      FileBytes(path: SampleTraces.file("6.18-slub-smp2-perf/" + name)), name: name
    ).bytes
    let seekable = try SeekableBytes(spooling: source, name: name)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(seekable.count), alignment: 8)
    defer { buffer.deallocate() }
    _ = try seekable.read(at: 0, into: buffer)
    return Array(buffer)
  }

  /// What perf's text and file both have of an event, in words; call sites are symbols in one, addresses in the other.
  static func describe(_ event: Event, _ read: ReadTrace) -> String {
    "\(event.kind) \(event.time) \(event.cpu) \(event.pid) \(event.address) \(event.requestedBytes) "
      + "\(event.allocatedBytes) \(event.node) \(event.order) \(event.migrateType) \(event.flags.rawValue) "
      + "|\(read.text(event.comm))|\(read.text(event.gfp))|\(read.text(event.name))"
  }

  @Test("of a real kernel gives what perf script prints of it", arguments: ["file", "pipe-z"])
  func sameAsPerfScript(name: String) throws {
    let text = try Self.sample(name + ".txt.zst")
    let read = try Self.sample(name + ".data.zst")
    #expect(read.context.container == .perfData)
    #expect(read.context.kernelRelease == "6.18.44")
    #expect(read.context.headerCPUCount == 2)
    #expect(read.context.pointerBytes == 8)
    #expect(read.statistics.samples == [])
    #expect(read.events.count == text.events.count && read.events.count > 3000)
    for (left, right) in zip(text.events, read.events) {
      try #require(Self.describe(left, text) == Self.describe(right, read))
    }
    // The file was recorded with -g. Each chain begins inside the tracepoint.
    let withStack = read.events.count { $0.stack != .none }
    #expect(withStack == (name == "file" ? read.events.count : 0))
    #expect(read.events.allSatisfy { $0.callSite == .none || read.text($0.callSite).hasPrefix("ffffffff") })
  }

  static let forms = [
    PerfDataWriter.Form.file, PerfDataWriter.Form.pipe, PerfDataWriter.Form.packedFile,
    PerfDataWriter.Form.packedPipe,
  ]

  @Test("in all its forms has the events of the text it was made of", arguments: forms)
  func sameAsText(form: PerfDataWriter.Form) throws {
    let original = try PerfettoTests.original()
    let writer = try PerfDataWriter(formatsOf: try Self.bytes("file.data.zst"))
    let read = try readTrace(writer.write(original, form))
    // perf has no trace markers.
    let wanted = original.events.filter { $0.kind != .mark }
    #expect(read.statistics.samples == [])
    #expect(read.events.count == wanted.count)
    for (left, right) in zip(wanted, read.events) {
      // The kernel of the formats calls flags otherwise, and has control groups.
      var (left, right) = (left, right)
      (left.gfp, right.gfp) = (.none, .none)
      left.flags.remove(.accounted)
      right.flags.remove(.accounted)
      try #require(Self.describe(left, original) == Self.describe(right, read))
    }
  }

  @Test("is put in order whatever the rounds", arguments: [1, 50, 1 << 20])
  func rounds(roundCount: Int) throws {
    var original = try PerfettoTests.original()
    original.events = original.events.filter { $0.kind != .mark }
    let writer = try PerfDataWriter(formatsOf: try Self.bytes("file.data.zst"))
    let read = try readTrace(writer.write(original, .file, roundCount: roundCount))
    #expect(read.events.map(\.time) == original.events.map(\.time))
    #expect(read.statistics[.outOfOrder] == 0)
  }

  @Test("names tasks by records of names and forks as time goes on")
  func tasks() {
    let strings = StringInterner()
    var tasks = PerfTasks(strings)
    tasks.rename(7, strings.intern("late"), time: 30)
    tasks.rename(7, strings.intern("early"), time: 0)
    tasks.fork(8, from: 7, time: 20)
    tasks.sort()
    var batch = EventBatch(capacity: 8)
    for (time, pid) in [(UInt64(10), Int32(7)), (25, 8), (30, 7), (31, 8), (32, 9), (33, 0)] {
      var event = Event(kind: .kfree, time: time)
      event.pid = pid
      batch.append(event)
    }
    tasks.name(0..<batch.count, of: &batch)
    var names: [String] = []
    for row in 0..<batch.count { names.append(strings.string(batch.comm[row])) }
    #expect(names == ["early", "early", "late", "early", ":9", "swapper"])
  }
}

@Suite("Damaged perf.data")
struct DamagedPerfDataTests {
  static func sample(_ form: PerfDataWriter.Form) throws -> [UInt8] {
    var trace = try PerfettoTests.original()
    trace.events = Array(trace.events.prefix(1500))
    return try PerfDataWriter(formatsOf: try PerfDataTests.bytes("file.data.zst")).write(trace, form, roundCount: 100)
  }

  @Test("of a pipe that is cut keeps every event before the cut and names the place")
  func cutPipe() throws {
    let whole = try Self.sample(.pipe)
    let positions = try readTrace(whole).events.map(\.position).sorted()
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<100 {
      let cut = Int.random(in: 20..<whole.count, using: &generator)
      let read = try readTrace(Array(whole.prefix(cut)))
      let kept = positions.filter { $0 < UInt64(cut) }
      let found = read.events.map(\.position).sorted()
      // The last record may be cut in two.
      try #require(found == kept || found == Array(kept.dropLast()), "cut at \(cut)")
      if found != kept { try #require(read.statistics[.truncatedEnd] == 1) }
    }
  }

  @Test("of a pipe that is cut inside its formats says so")
  func cutFormats() throws {
    let whole = try Self.sample(.pipe)
    for cut in stride(from: 1000, to: 20_000, by: 1111) {
      let read = try readTrace(Array(whole.prefix(cut)))
      #expect(read.events.isEmpty)
      #expect(read.statistics[.truncatedEnd] == 1)
      #expect(read.statistics.bytes == UInt64(cut))
    }
  }

  @Test("of a file without its formats says where they should be")
  func cutFile() throws {
    let whole = try Self.sample(.file)
    let error = #expect(throws: TraceError.self) { try readTrace(Array(whole.prefix(whole.count / 3))) }
    #expect(error?.code == .damagedStructure)
    #expect(error?.location == .byteOffset(UInt64(whole.count / 3)))
    #expect(error?.remedy?.contains("/sys/kernel/tracing/events") == true)
    for cut in 8..<200 {
      do throws(TraceError) {
        _ = try readTrace(Array(whole.prefix(cut)))
      } catch {
        try #require(error.code == .damagedStructure)
      }
    }
  }

  @Test("cut anywhere has fewer events the earlier it ends, or is refused", arguments: PerfDataTests.forms)
  func cuts(form: PerfDataWriter.Form) throws {
    let whole = try Self.sample(form)
    let addresses = try readTrace(whole).events.map { "\($0.time) \($0.cpu) \($0.kind) \($0.address)" }
    var generator = SeededGenerator(seed: 6)
    var places = Array(stride(from: 0, to: whole.count, by: 4096))
    places += (0..<100).map { _ in Int.random(in: 0..<whole.count, using: &generator) }
    var most = 0
    for cut in places.sorted() {
      do throws(TraceError) {
        let read = try readTrace(Array(whole.prefix(cut)))
        let kept = read.events.map { "\($0.time) \($0.cpu) \($0.kind) \($0.address)" }
        #expect(Set(kept).isSubset(of: addresses) && kept.count >= most, "\(cut)")
        most = max(most, kept.count)
      } catch {
        try #require([.damagedStructure, .empty, .unknownFormat].contains(error.code), "\(cut)")
      }
    }
    // A file is refused, for its formats stand at its end; a packed stream's last block needs all of itself.
    if form == .pipe { #expect(most > addresses.count * 9 / 10) }
  }

  private static func write(_ bytes: [UInt8], _ folder: String, _ path: String) throws {
    let parents = path.split(separator: "/").dropLast().reduce(folder) { $0 + "/" + $1 }
    try FileManager.default.createDirectory(atPath: parents, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + path))
  }

  @Test("of a file without its formats is read by those in a folder beside it", arguments: ["formats", "events"])
  func formatsBeside(name: String) throws {
    let whole = try Self.sample(.file)
    let honest = try readTrace(whole)
    let folder = FileManager.default.temporaryDirectory.path + "/kmemreplay-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let cut = whole.count / 3
    try Self.write(Array(whole.prefix(cut)), folder, "cut.data")
    let path = folder + "/cut.data"
    #expect(throws: TraceError.self) { try TraceInput.open(path: path) }
    let writer = try PerfDataWriter(formatsOf: try PerfDataTests.bytes("file.data.zst"))
    for event in ["kmalloc", "kfree", "kmem_cache_alloc", "kmem_cache_free", "mm_page_alloc", "mm_page_free"] {
      let text = try #require(writer.formatText(of: event))
      try Self.write(text, folder, name == "events" ? "events/kmem/\(event)/format" : "formats/kmem.\(event).format")
    }
    let read = try readAll(TraceInput.open(path: path))
    // The other events of the trace have no formats there.
    let known: [EventKind] = [.kmalloc, .kfree, .kmemCacheAlloc, .kmemCacheFree, .mmPageAlloc, .mmPageFree]
    let wanted = honest.events.filter { $0.position < UInt64(cut) && known.contains($0.kind) }
    #expect(read.events.count == wanted.count || read.events.count == wanted.count - 1)
    #expect(read.events.count > 300)
    for event in read.events {
      let same = try #require(honest.events.first { $0.position == event.position })
      try #require(PerfDataTests.describe(event, read) == PerfDataTests.describe(same, honest))
    }
    #expect(read.statistics[.truncatedEnd] >= 1)
    #expect(read.statistics.samples.contains { $0.text.contains("/" + name) })
  }

  @Test("with flipped bytes keeps what lies before and goes on behind", arguments: PerfDataTests.forms)
  func flips(form: PerfDataWriter.Form) throws {
    let whole = try Self.sample(form)
    let count = try readTrace(whole).events.count
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<250 {
      var bytes = whole
      let place = Int.random(in: 16..<bytes.count, using: &generator)
      bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
      do throws(TraceError) {
        let read = try readTrace(bytes)
        #expect(read.events.count <= count)
      } catch {
        try #require([.damagedStructure, .unknownFormat].contains(error.code))
      }
    }
  }

  @Test("of which a record has an impossible size is read behind it")
  func recovery() throws {
    let whole = try Self.sample(.pipe)
    let events = try readTrace(whole).events.sorted { $0.position < $1.position }
    let place = Int(events[700].position)
    var bytes = whole
    bytes[place + 6] = 3
    bytes[place + 7] = 0
    let read = try readTrace(bytes)
    #expect(read.events.count == events.count - 1)
    #expect(read.statistics[.malformedLines] == 1)
    let sample = try #require(read.statistics.samples.first { $0.counter == .malformedLines })
    #expect(sample.location == .byteOffset(UInt64(place)))
  }
}
