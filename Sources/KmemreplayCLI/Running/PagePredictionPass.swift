import Analysis
import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import Reports
import TraceEvents

/// A file that tells where memory is at boot: the kernel's messages, or iomem.
struct MemoryMapFile {
  var log: BootLog?
  var ioMemory: IOMemory?

  /// Reads a file, or standard input for `-`. Throws `CommandFailure` if it is neither.
  init(path: String) throws {
    let content: FileContent
    do throws(SnapshotError) {
      content = try SnapshotReader.content(of: path)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
    ioMemory = try? IOMemory(parsing: content)
    if let ioMemory, ioMemory.isHidden {
      throw CommandFailure(
        "\(path): all addresses are zeros, as readers other than root see them; read /proc/iomem as root")
    }
    if ioMemory == nil { log = try? BootLog(parsing: content) }
    if ioMemory == nil, log?.lacksMap ?? true {
      throw CommandFailure(
        "\(path): no memory map; expected the kernel's messages (dmesg) with lines such as "
          + "`BIOS-e820: [mem 0x0000000000100000-0x000000000ffdbfff] usable`, or /proc/iomem")
    }
  }
}

/// The prediction of page frames that `frag` and `replay` make beside their own work, in the same two passes.
struct PagePredictionPass: ~Copyable {
  private let before: Snapshot?
  private let after: Snapshot?
  // For a trace that begins at boot: the map that the user gave, and what its first pass tells of the start.
  private let map: MemoryMapFile?
  private var frames: FrameSurvey?
  private var sawKernelStart = false
  private var sawOtherTask = false
  private var earlyRequests = 0
  private static let earlyLimit = 64
  private var boot: BootSummary?
  private let window: TimeWindow
  private var cursor: TimeWindowCursor
  private var fates: PageFates?
  private var prediction: PagePrediction?
  // Under other settings.
  private var other: PagePrediction?
  private var settings: ReplaySettings?
  private let assignments: [String]
  private var knowledge = MachineStart.Knowledge.pageFlags

  /// `nil` if the trace chooses the page frames. Throws `CommandFailure` if the memory map can't be read.
  ///
  /// `sysctl` are settings to compare with the machine's own.
  init?(_ options: SnapshotOptions, before: Snapshot?, after: Snapshot?, sysctl: [String] = []) throws {
    if options.pages == .traced { return nil }
    self.before = before
    map = try options.memoryMap.map { try MemoryMapFile(path: $0) }
    self.after = after
    assignments = sysctl
    window = TimeWindow(from: options.beforeAt, to: options.afterAt)
    cursor = TimeWindowCursor(window)
    fates = PageFates(nodes: before.map { MachineStart.spans($0) } ?? [], cpuLimit: 8192)
  }

  /// Looks at a batch of the first pass; `profile` is what is known of the kernel so far.
  mutating func survey(
    _ batch: borrowing EventBatch, strings: StringInterner, clock: TraceContext.Clock,
    profile: @autoclosure () -> KernelProfile
  ) {
    let isBoot = before == nil || map != nil
    // A dump of the lists leaves nothing to be told by the trace.
    if frames == nil, isBoot || before?.freeLists == nil {
      frames = FrameSurvey(
        policy: FragmentationStart.profile(profile(), before: before, after: after).pageAllocator)
      frames?.recordsPlaces = !isBoot
    }
    if isBoot { lookForKernelStart(batch) }
    // What comes after the window tells what became of pages freed in it.
    for part in cursor.parts(of: batch, strings: strings, clock: clock) where part.phase != .before {
      fates?.consume(batch, rows: part.rows)
      frames?.consume(batch, rows: part.rows)
    }
  }

  /// Until there are threads, everything is done by task 0, which later only idles: a trace that begins with many of its
  /// requests begins while the kernel starts.
  private mutating func lookForKernelStart(_ batch: borrowing EventBatch) {
    for row in 0..<batch.count {
      if sawKernelStart || sawOtherTask { return }
      if !batch.kind[row].isObjectAllocation, batch.kind[row] != .mmPageAlloc { continue }
      if batch.pid[row] != 0 || !batch.flags[row].contains(.hasTask) {
        sawOtherTask = true
      } else {
        earlyRequests += 1
        sawKernelStart = earlyRequests >= Self.earlyLimit
      }
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
    cursor = TimeWindowCursor(window)
    if let before, map == nil {
      return try begin(before, profile: profile, fates: fates, strings: strings)
    }
    try beginAtBoot(profile: profile, fates: fates, strings: strings, trace: trace)
  }

  /// Makes the machine that a snapshot knows, and a second one if there are settings to compare with its own.
  private mutating func begin(
    _ before: Snapshot, profile: KernelProfile, fates: consuming PageFates, strings: StringInterner
  ) throws {
    var profile = FragmentationStart.profile(profile, before: before, after: after)
    profile.use(ReplaySettings.own(before, kernel: profile.kernel))
    var changed = profile
    settings = try readSettings(before, kernel: profile.kernel)
    if let settings { changed.use(settings.changed) }
    var told: Set<UInt64> = []
    var start: Machine?
    var otherStart: Machine?
    if let frames = frames.take() {
      start = MachineStart.machine(before, survey: frames, profile: profile, told: &told)
      if settings != nil { otherStart = MachineStart.machine(before, survey: frames, profile: changed, told: &told) }
    } else {
      start = MachineStart.machine(before, profile: profile)
      if settings != nil { otherStart = MachineStart.machine(before, profile: changed) }
    }
    guard var start else {
      throw CommandFailure(
        "\(before.name): doesn't tell which pages were free. --pages model needs kpageflags and zoneinfo, or a dump of "
          + "the free lists (kmfree)")
    }
    knowledge = before.freeLists == nil ? .pageFlags : .freeLists
    let swap = before.memInfo?["SwapTotal"].map { Int(min($0, 1 << 44)) * 1024 / profile.pageSize } ?? 0
    Self.setNodes(&start, fates.cpuNodes)
    if var otherStart {
      Self.setNodes(&otherStart, fates.cpuNodes)
      settings?.apply(to: &otherStart, snapshot: before)
      other = PagePrediction(otherStart, fates: fates.copy(), strings: strings, told: told, swapPages: swap)
    }
    prediction = PagePrediction(start, fates: fates, strings: strings, told: told, swapPages: swap)
  }

  private func readSettings(_ before: Snapshot, kernel: KernelVersion) throws -> ReplaySettings? {
    if assignments.isEmpty { return nil }
    do throws(SettingError) {
      return try ReplaySettings(before, assignments: assignments, kernel: kernel)
    } catch {
      throw CommandFailure("--sysctl: \(error)")
    }
  }

  /// Makes the machine that a boot capture starts from.
  private mutating func beginAtBoot(
    profile: KernelProfile, fates: consuming PageFates, strings: StringInterner, trace: String
  ) throws {
    guard sawKernelStart || map != nil, let frames = frames.take() else {
      throw CommandFailure(
        "\(trace): --pages model needs to know which pages were free when the trace began: give --before, or "
          + "--memory-map for a trace that begins when the kernel starts")
    }
    if window.from != nil {
      throw CommandFailure("--before-at says when --before was taken; a trace that begins at boot has none")
    }
    let profile = FragmentationStart.profile(profile, before: nil, after: after)
    let map = BootMap(
      log: map?.log ?? after?.bootLog, ioMemory: map?.ioMemory ?? after?.ioMemory, flags: after?.pageFlags,
      zoneInfo: after?.zoneInfo, lastFrame: frames.end, profile: profile)
    guard let map else {
      throw CommandFailure(
        "\(trace): neither a memory map nor the trace's events tell where memory is; give --memory-map")
    }
    var summary = BootSummary(map, pageSize: profile.pageSize, isToldByFlags: after?.pageFlags != nil)
    let machine = MachineStart.machine(
      map, survey: frames, flags: after?.pageFlags, profile: profile, summary: &summary)
    boot = summary
    knowledge = .memoryMap
    prediction = PagePrediction(machine, fates: fates, strings: strings, isBooting: true)
  }

  private static func setNodes(_ machine: inout Machine, _ nodes: [Int?]) {
    for cpu in nodes.indices {
      if let node = nodes[cpu] { machine.setNode(node, cpu: cpu) }
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
    let boot = boot
    let counts = prediction.counts
    var findings = prediction.withMachine { machine in
      var findings = PageFrameFindings(
        start: knowledge, grades: grades, pressure: pressure, machine: machine, after: after)
      findings.boot = boot
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
