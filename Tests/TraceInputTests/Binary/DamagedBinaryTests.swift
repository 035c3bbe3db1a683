import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

/// Cut and altered files: never a crash, the events before the damage kept, the damage named with its place.
///
/// `Tools/Fuzz/run` does the same with many more cuts, flips and inputs.
@Suite("Damaged trace.dat files")
struct DamagedBinaryTests {
  struct Form: Sendable, CustomTestStringConvertible {
    var version: Int
    var packing: TraceDatWriter.Packing
    var testDescription: String { "version \(version), \(packing)" }
    var bytes: [UInt8] {
      SyntheticTraces.file(version: version, packing: packing, count: 1500).file()
    }
  }

  static let forms = [
    Form(version: 6, packing: .none), Form(version: 7, packing: .none),
    Form(version: 7, packing: .zstd),
    Form(version: 7, packing: .zlib),
  ]

  private func read(_ bytes: [UInt8]) -> (trace: ReadTrace?, error: TraceError?) {
    do {
      return (
        try readAll(
          TraceInput.open(bytes: bytes, name: "damaged", options: InputOptions(threads: 1))), nil
      )
    } catch {
      return (nil, error)
    }
  }

  @Test(arguments: forms)
  func `A file cut anywhere keeps each CPU's events before the cut`(form: Form) throws {
    let whole = form.bytes
    let honest = try #require(read(whole).trace)
    let rows = Dictionary(grouping: FormComparison.rows(honest, isBinary: true), by: \.cpu)
    var random = SeededGenerator(seed: 7)
    var cuts = Array(stride(from: 0, to: whole.count, by: 4096))
    cuts += (0..<40).map { _ in Int.random(in: 0..<whole.count, using: &random) }
    var mostKept = 0
    for cut in cuts {
      let (trace, error) = read(Array(whole[..<cut]))
      if let error {
        #expect(
          error.location != nil || error.code == .empty || error.code == .unknownFormat,
          "\(cut): \(error)")
        continue
      }
      let kept = try #require(trace)
      #expect(
        kept.statistics.samples.contains {
          $0.counter == .truncatedEnd || $0.counter == .malformedLines
        }, "\(cut)")
      for (cpu, some) in Dictionary(grouping: FormComparison.rows(kept, isBinary: true), by: \.cpu) {
        // A file without its table of CPUs numbers them anew.
        let all = rows[cpu] ?? rows[3] ?? []
        let same = zip(some, all).allSatisfy { left, right in
          var (left, right) = (left, right)
          left.cpu = 0
          right.cpu = 0
          return left == right
        }
        #expect(same && some.count <= all.count, "\(cut) CPU \(cpu)")
      }
      mostKept = max(mostKept, kept.events.count)
    }
    #expect(mostKept > honest.events.count / 2)
  }

  @Test(arguments: forms)
  func `A file with flipped bytes is read or refused`(form: Form) throws {
    let whole = form.bytes
    let honest = try #require(read(whole).trace).events.count
    var random = SeededGenerator(seed: UInt64(form.version))
    var kept = 0
    for _ in 0..<250 {
      var bytes = whole
      let place = Int.random(in: 0..<bytes.count, using: &random)
      bytes[place] ^= UInt8.random(in: 1...255, using: &random)
      let (trace, error) = read(bytes)
      if let error { #expect(!error.description.isEmpty) }
      // Data beyond what is there can't come out of a flip; pages of one CPU may be read as another's.
      if let trace { #expect(trace.events.count <= honest + honest / 2, "\(place)") }
      if let trace, trace.events.count > honest / 2 { kept += 1 }
    }
    // Most flips lie among the events and cost at most a page or a chunk of them.
    #expect(kept > 125)
  }

  @Test func `A page that says it has more than fits is left out and named`() throws {
    var bytes = SyntheticTraces.file(version: 6, count: 1500).file()
    let honest = try #require(read(bytes).trace)
    // The second page of the first CPU: its commit word is made too large.
    let first = try #require(honest.events.first { $0.cpu == 0 })
    let page = Int(first.position) / 4096 * 4096 + 4096
    bytes[page + 9] = 0xFF
    let damaged = try #require(read(bytes).trace)
    #expect(damaged.statistics[.malformedLines] == 1)
    let sample = try #require(damaged.statistics.samples.first)
    #expect(sample.location == .byteOffset(UInt64(page + 8)))
    let missing = honest.events.count - damaged.events.count
    #expect(missing > 20 && missing < 200)
  }
}
