import Analysis
import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import TraceEvents

/// The prediction of page frames that `frag` and `replay` make beside their own work, in the same two passes.
struct PagePredictionPass: ~Copyable {
  private let before: Snapshot
  private let after: Snapshot?
  private let window: TimeWindow
  private var cursor: TimeWindowCursor
  private var fates: PageFates?
  private var prediction: PagePrediction?
  private var knowledge = MachineStart.Knowledge.pageFlags

  /// `nil` if the trace chooses the page frames. Throws `CommandFailure` without a snapshot to start from.
  init?(_ options: SnapshotOptions, before: Snapshot?, after: Snapshot?) throws {
    if options.pages == .traced { return nil }
    guard let before else {
      throw CommandFailure("--pages model needs to know which pages were free when the trace began: give --before")
    }
    self.before = before
    self.after = after
    window = TimeWindow(from: options.beforeAt, to: options.afterAt)
    cursor = TimeWindowCursor(window)
    fates = PageFates()
  }

  /// Looks at a batch of the first pass.
  mutating func survey(_ batch: borrowing EventBatch, strings: StringInterner, clock: TraceContext.Clock) {
    // What comes after the window tells what became of pages freed in it.
    for part in cursor.parts(of: batch, strings: strings, clock: clock) where part.phase != .before {
      fates?.consume(batch, rows: part.rows)
    }
  }

  /// Makes the machine for the second pass. Throws `CommandFailure` if the trace or the snapshot don't tell enough.
  mutating func begin(profile: KernelProfile, strings: StringInterner, trace: String) throws {
    guard let fates = fates.take() else { return }
    if fates.removals == 0 {
      throw CommandFailure(
        "\(trace): no mm_page_alloc_zone_locked events between --before-at and --after-at: page frames can't be "
          + "predicted. Record all of events/kmem: `trace-cmd record -e kmem`")
    }
    guard let start = MachineStart.machine(before, profile: profile) else {
      throw CommandFailure(
        "\(before.name): doesn't tell which pages were free. --pages model needs kpageflags and zoneinfo, or a dump of "
          + "the free lists (kmfree)")
    }
    knowledge = before.freeLists == nil ? .pageFlags : .freeLists
    prediction = PagePrediction(start, fates: fates, strings: strings)
    cursor = TimeWindowCursor(window)
  }

  /// Replays a batch of the second pass; `parts` say which of it counts.
  mutating func consume(
    _ batch: borrowing EventBatch, _ parts: [TimeWindowCursor.Part], strings: StringInterner,
    clock: TraceContext.Clock
  ) {
    for part in cursor.parts(of: batch, strings: strings, clock: clock) where part.phase == .inside {
      for counted in parts {
        let rows = part.rows.clamped(to: counted.rows)
        if !rows.isEmpty { prediction?.consume(batch, rows: rows, isInside: counted.phase == .inside) }
      }
    }
  }

  /// The findings after the last batch. Throws `CommandFailure` if there was nothing to predict.
  mutating func finish(trace: String) throws -> PageFrameFindings {
    guard var prediction = prediction.take() else { throw CommandFailure("\(trace): page frames were not predicted") }
    if cursor.phase == .before {
      throw CommandFailure("\(trace): nothing lies after --before-at; `kmemreplay info` lists the markers")
    }
    prediction.finish()
    let grades = prediction.grades
    let pressure = prediction.tellsReclaim ? prediction.pressure : nil
    return prediction.withMachine {
      PageFrameFindings(start: knowledge, grades: grades, pressure: pressure, machine: $0, after: after)
    }
  }
}
