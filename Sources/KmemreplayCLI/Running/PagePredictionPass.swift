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
  private var knowledge = MachineStart.Knowledge.pageFlags

  /// `nil` if the trace chooses the page frames. Throws `CommandFailure` if the memory map can't be read.
  init?(_ options: SnapshotOptions, before: Snapshot?, after: Snapshot?) throws {
    if options.pages == .traced { return nil }
    self.before = before
    map = try options.memoryMap.map { try MemoryMapFile(path: $0) }
    self.after = after
    window = TimeWindow(from: options.beforeAt, to: options.afterAt)
    cursor = TimeWindowCursor(window)
    fates = PageFates()
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
      var told: Set<UInt64> = []
      let profile = FragmentationStart.profile(profile, before: before, after: after)
      let frames = frames.take()
      let start: Machine?
      if let frames {
        start = MachineStart.machine(before, survey: frames, profile: profile, told: &told)
      } else {
        start = MachineStart.machine(before, profile: profile)
      }
      guard let start else {
        throw CommandFailure(
          "\(before.name): doesn't tell which pages were free. --pages model needs kpageflags and zoneinfo, or a dump of "
            + "the free lists (kmfree)")
      }
      knowledge = before.freeLists == nil ? .pageFlags : .freeLists
      prediction = PagePrediction(start, fates: fates, strings: strings, told: told)
      return
    }
    try beginAtBoot(profile: profile, fates: fates, strings: strings, trace: trace)
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
    let boot = boot
    return prediction.withMachine {
      var findings = PageFrameFindings(
        start: knowledge, grades: grades, pressure: pressure, machine: $0, after: after)
      findings.boot = boot
      return findings
    }
  }
}
