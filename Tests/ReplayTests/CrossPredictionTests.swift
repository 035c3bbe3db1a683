import KernelTypes
import Replay
import TestSupport
import Testing
import TraceEvents

/// One script run on all three kernels: what each capture says about the Slab pages of each kernel.
///
/// `kernel` holds what /proc/vmstat said at each mark, as the difference since the mark t0.
struct ScriptOnAllKernels: Sendable, CustomTestStringConvertible {
  var script: String
  var cpus: Int
  /// Slab pages at t0, by allocator.
  var start: [TracedAllocator.Kind: Int64]
  var kernel: [TracedAllocator.Kind: [Int64]]

  var testDescription: String { "\(script) on \(cpus == 1 ? "1 CPU" : "\(cpus) CPUs")" }

  func capture(_ allocator: TracedAllocator.Kind) -> String { "6.1-\(allocator.rawValue)-smp\(cpus)-script-\(script)" }
}

/// Predicts from the capture of each kernel what every kernel used, and holds it against what those kernels said.
///
/// Models start from an empty allocator, kernels with slabs that have room: the differences since t0 can't be equal to the
/// page. What counts is the error in all Slab pages of the machine.
@Suite("Slab pages of one kernel predicted from the trace of another", .serialized) struct CrossPredictionTests {
  static let marks = ["peak1", "half-freed", "peak2", "random-freed", "end-live", "all-freed"]
  static let scripts = [
    ScriptOnAllKernels(
      script: "s20k", cpus: 1, start: [.slub: 2767, .slab: 2033, .slob: 2089],
      kernel: [
        .slub: [253, 229, 264, 251, 188, 176], .slab: [271, 248, 280, 258, 235, 193],
        .slob: [248, 175, 241, 147, 73, 2],
      ]),
    ScriptOnAllKernels(
      script: "smix", cpus: 1, start: [.slub: 2780, .slab: 2034, .slob: 2086],
      kernel: [
        .slub: [243, 239, 257, 256, 247, 227], .slab: [244, 241, 260, 258, 261, 231],
        .slob: [208, 159, 227, 154, 76, 1],
      ]),
    ScriptOnAllKernels(
      script: "s200k", cpus: 1, start: [.slub: 2771, .slab: 2031, .slob: 2085],
      kernel: [
        .slub: [2389, 2237, 2528, 2141, 800, 191], .slab: [2427, 1919, 2553, 1599, 1513, 424],
        .slob: [2278, 1733, 2438, 1462, 715, 2],
      ]),
    ScriptOnAllKernels(
      script: "s20k", cpus: 2, start: [.slub: 2891, .slab: 2211, .slob: 2120],
      kernel: [
        .slub: [269, 245, 277, 265, 226, 206], .slab: [266, 244, 277, 265, 259, 243],
        .slob: [246, 175, 239, 144, 69, 0],
      ]),
  ]

  @Test("the 3×3 table of each script", arguments: scripts)
  func table(script: ScriptOnAllKernels) throws {
    let all = TracedAllocator.Kind.allCases
    guard all.allSatisfy({ SharedCaptures.path(script.capture($0)) != nil }) else {
      print("skipped: the captures of \(script) are not in ../shared/captures")
      return
    }
    var text =
      "\(script): Slab pages since t0, predicted from row, measured on column's kernel (error of all Slab pages)\n"
    for row in all {
      let predicted = try pagesAtMarks(script, row)
      for (column, pages) in zip(all, predicted) {
        let kernel = script.kernel[column] ?? []
        let start = script.start[column] ?? 0
        var sum = 0.0
        text += "  \(row.rawValue) → \(column.rawValue) "
        for (prediction, measured) in zip(pages, kernel) {
          let error = Double(abs(prediction - measured)) / Double(start + measured) * 100
          sum += error
          text += " \(prediction)/\(measured)"
        }
        let average = sum / Double(max(kernel.count, 1))
        text += "  average \((average * 100).rounded() / 100) %\n"
        #expect(average <= (script.cpus == 1 ? 2 : 5), "\(row.rawValue) → \(column.rawValue)")
      }
    }
    print(text)
  }

  /// What the models of all allocators held at the moments when the kernel read its own count, since t0.
  private func pagesAtMarks(_ script: ScriptOnAllKernels, _ traced: TracedAllocator.Kind) throws -> [[Int64]] {
    let path = try #require(SharedCaptures.path(script.capture(traced)))
    let all = TracedAllocator.Kind.allCases
    let run = try CaptureRun(path: path, cpuCount: script.cpus, allocators: all)
    var pages: [[Int64]] = all.map { _ in [] }
    var wanted = ["t0"] + Self.marks
    var isOpen = false
    var batch = EventBatch()
    while try run.source.read(into: &batch) {
      var done = 0
      for row in 0..<batch.count where !wanted.isEmpty {
        if batch.kind[row] == .mark {
          isOpen = isOpen || run.source.strings.string(batch.name[row]) == "WL snap-begin " + wanted[0]
        } else if isOpen, batch.kind[row].isObjectAllocation,
          run.source.strings.string(batch.callSite[row]).hasPrefix("vmstat_start")
        {
          run.fleet.consume(batch, rows: done..<row, isInside: true)
          done = row
          for (index, outcome) in run.fleet.finish().enumerated() {
            pages[index].append(Int64(outcome.end.modelled.slabPages))
          }
          wanted.removeFirst()
          isOpen = false
        }
      }
      run.fleet.consume(batch, rows: done..<batch.count, isInside: true)
    }
    #expect(wanted.isEmpty, "no reading of vmstat after \(wanted)")
    return pages.map { values in values.dropFirst().map { $0 - values[0] } }
  }
}
