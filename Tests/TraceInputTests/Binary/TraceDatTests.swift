import KernelTypes
import TestSupport
import Testing
import TraceEvents
import TraceInput

/// Compares what was read of a binary form of a run with what was read of the kernel's text of it.
enum FormComparison {
  /// A row with texts in the place of identifiers, and the time as text prints it.
  struct Row: Equatable {
    var kind: EventKind
    var microseconds: UInt64
    var cpu: UInt16
    var pid: Int32
    var numbers: [UInt64]
    var texts: [String]
    var flags: UInt8
    var frames: [String]
  }

  static func rows(_ trace: ReadTrace, isBinary: Bool, hasSymbols: Bool = true) -> [Row] {
    trace.events.map { event in
      // The kernel rounds to microseconds (ns2usecs in kernel/trace/trace.c).
      let time = isBinary ? (event.time + 500) / 1000 : event.time / 1000
      var flags = event.flags
      flags.remove(.hashedPointer)
      return Row(
        kind: event.kind, microseconds: time, cpu: event.cpu, pid: event.pid,
        numbers: [
          event.address, event.requestedBytes, event.allocatedBytes, UInt64(bitPattern: Int64(event.node)),
          UInt64(event.order), UInt64(event.migrateType),
        ],
        texts: [
          trace.text(event.comm), hasSymbols ? trace.text(event.callSite) : "", trace.text(event.gfp),
          trace.text(event.name),
        ], flags: flags.rawValue, frames: hasSymbols ? trace.frames(event) : [])
    }
  }

  /// Expects the same events in the same order; of differences the first few are reported.
  static func expectSame(
    _ binary: ReadTrace, _ text: ReadTrace, hasSymbols: Bool = true, isLeftBinary: Bool = true, _ comment: Comment,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let left = rows(binary, isBinary: isLeftBinary, hasSymbols: hasSymbols)
    let right = rows(text, isBinary: false, hasSymbols: hasSymbols)
    #expect(left.count == right.count, comment, sourceLocation: sourceLocation)
    let differences = zip(left, right).enumerated().filter { $1.0 != $1.1 }
    #expect(differences.isEmpty, comment, sourceLocation: sourceLocation)
    for difference in differences.prefix(3) {
      Issue.record("row \(difference.offset): \(difference.element)", sourceLocation: sourceLocation)
    }
  }
}

@Suite("trace.dat files")
struct TraceDatTests {
  private static let folder = "6.1-slub-smp1-tcmd"

  @Test(arguments: [1, 2, 3])
  func `A trace_dat file gives the events of the kernel's text`(threads: Int) throws {
    let path = SampleTraces.path(Self.folder)
    let text = try readAll(TraceInput.open(path: path))
    let options = InputOptions(threads: threads)
    let dat = path.replacing("trace.txt.zst", with: "trace.dat.zst")
    let binary = try readAll(TraceInput.open(path: dat, options: options))
    #expect(text.events.count == 3284)
    FormComparison.expectSame(binary, text, "\(threads) threads")
    #expect(binary.statistics.samples == [])
    #expect(binary.context.container == .traceDat)
  }

  @Test func `Batches of any size hold the same events`() throws {
    let dat = SampleTraces.path(Self.folder).replacing("trace.txt.zst", with: "trace.dat.zst")
    let whole = try readAll(TraceInput.open(path: dat))
    for capacity in [1, 7, 1000] {
      let parts = try readAll(TraceInput.open(path: dat, options: InputOptions(threads: 2)), capacity: capacity)
      #expect(
        FormComparison.rows(parts, isBinary: true) == FormComparison.rows(whole, isBinary: true), "\(capacity)")
    }
  }

  @Test func `Raw pages with formats give the events of the kernel's text`() throws {
    let path = SampleTraces.path("6.1-slub-smp1-script-s20k")
    let text = try readAll(TraceInput.open(path: path))
    let raw = path.replacing("trace.txt.zst", with: "raw.tar.zst")
    let binary = try readAll(TraceInput.open(path: raw))
    FormComparison.expectSame(binary, text, hasSymbols: false, "raw pages")
    #expect(binary.statistics.samples == [])
    #expect(binary.context.container == .rawPages)
    // Without symbols an address stands for each call site of the text.
    var sites: [String: String] = [:]
    for (left, right) in zip(binary.events, text.events) {
      let (address, site) = (binary.text(left.callSite), text.text(right.callSite))
      #expect(sites.updateValue(site, forKey: address) ?? site == site)
    }
    #expect(Set(sites.values).count == sites.count)
    #expect(sites.count > 10)
  }
}
