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
  // Under other settings.
  private var other: PagePrediction?
  private var settings: ReplaySettings?
  private let assignments: [String]
  private var knowledge = MachineStart.Knowledge.pageFlags

  /// `nil` if the trace chooses the page frames. Throws `CommandFailure` without a snapshot to start from.
  ///
  /// `sysctl` are settings to compare with the machine's own.
  init?(_ options: SnapshotOptions, before: Snapshot?, after: Snapshot?, sysctl: [String] = []) throws {
    if options.pages == .traced { return nil }
    guard let before else {
      throw CommandFailure("--pages model needs to know which pages were free when the trace began: give --before")
    }
    self.before = before
    self.after = after
    assignments = sysctl
    window = TimeWindow(from: options.beforeAt, to: options.afterAt)
    cursor = TimeWindowCursor(window)
    fates = PageFates(nodes: MachineStart.spans(before), cpuLimit: 8192)
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
    var profile = profile
    profile.use(ReplaySettings.own(before, kernel: profile.kernel))
    guard var start = MachineStart.machine(before, profile: profile) else {
      throw CommandFailure(
        "\(before.name): doesn't tell which pages were free. --pages model needs kpageflags and zoneinfo, or a dump of "
          + "the free lists (kmfree)")
    }
    knowledge = before.freeLists == nil ? .pageFlags : .freeLists
    let swap = before.memInfo?["SwapTotal"].map { Int(min($0, 1 << 44)) * 1024 / profile.pageSize } ?? 0
    Self.setNodes(&start, fates.cpuNodes)
    if !assignments.isEmpty { try beginOther(profile, fates, strings, swap) }
    prediction = PagePrediction(start, fates: fates, strings: strings, swapPages: swap)
    cursor = TimeWindowCursor(window)
  }

  private static func setNodes(_ machine: inout Machine, _ nodes: [Int?]) {
    for cpu in nodes.indices {
      if let node = nodes[cpu] { machine.setNode(node, cpu: cpu) }
    }
  }

  private mutating func beginOther(
    _ profile: KernelProfile, _ fates: borrowing PageFates, _ strings: StringInterner, _ swap: Int
  ) throws {
    do throws(SettingError) {
      var settings = try ReplaySettings(before, assignments: assignments, kernel: profile.kernel)
      var profile = profile
      profile.use(settings.changed)
      guard var start = MachineStart.machine(before, profile: profile) else { return }
      Self.setNodes(&start, fates.cpuNodes)
      settings.apply(to: &start, snapshot: before)
      other = PagePrediction(start, fates: fates.copy(), strings: strings, swapPages: swap)
      self.settings = settings
    } catch {
      throw CommandFailure("--sysctl: \(error)")
    }
  }

  /// Replays a batch of the second pass; `parts` say which of it counts.
  mutating func consume(
    _ batch: borrowing EventBatch, _ parts: [TimeWindowCursor.Part], strings: StringInterner,
    clock: TraceContext.Clock
  ) {
    for part in cursor.parts(of: batch, strings: strings, clock: clock) where part.phase == .inside {
      for counted in parts {
        let rows = part.rows.clamped(to: counted.rows)
        if !rows.isEmpty {
          prediction?.consume(batch, rows: rows, isInside: counted.phase == .inside)
          other?.consume(batch, rows: rows, isInside: counted.phase == .inside)
        }
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
    let counts = prediction.counts
    var findings = prediction.withMachine { machine in
      var findings = PageFrameFindings(
        start: knowledge, grades: grades, pressure: pressure, machine: machine, after: after)
      findings.counts = counts
      if machine.nodes.count > 1 {
        findings.cpuNodes = (0..<machine.profile.cpuCount).map { machine.node(cpu: $0) }
      }
      return findings
    }
    if var other = other.take(), var settings {
      other.finish()
      settings.before = counts
      settings.after = other.counts
      settings.frames = other.grades.pageFrame
      findings.settings = settings
    }
    return findings
  }
}
