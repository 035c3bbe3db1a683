import Analysis
import KernelTypes
import Reports
import TraceEvents

/// One pass over a trace: window, progress, and what every report says about its input.
///
/// ```swift
/// var run = try TraceRun(input, environment)
/// var batch = EventBatch()
/// while let parts = try run.next(&batch) {
///   for part in parts { engine.consume(batch, part, strings: run.strings) }
/// }
/// let subject = try run.finish(pairing: engine.pairing)
/// ```
struct TraceRun {
  private let options: InputOptions
  private let trace: OpenedTrace
  private var cursor: TimeWindowCursor
  private var progress: ProgressMeter
  private var hasEventsInside = false

  /// Opens the trace. Throws `TraceError`.
  init(_ options: InputOptions, _ environment: CommandEnvironment) throws {
    self.init(options, environment, reading: try environment.openTrace(options.trace))
  }

  /// Reads a trace that is open: for commands of several passes, which open each with
  /// `CommandEnvironment.openRepeatedly`.
  /// `pass` says which of how many passes over the trace this is.
  init(
    _ options: InputOptions, _ environment: CommandEnvironment, reading trace: OpenedTrace,
    pass: (number: Int, count: Int)? = nil
  ) {
    self.options = options
    self.trace = trace
    cursor = TimeWindowCursor(options.window)
    progress = ProgressMeter(
      environment.showsProgress && !options.quiet ? environment.errors : nil, width: environment.errorStyle.width,
      pass: pass)
  }

  /// The texts behind the identifiers in the events.
  var strings: StringInterner { trace.source.strings }
  /// The stack traces behind the identifiers in the events.
  var stacks: StackTable { trace.source.stacks }
  /// What the trace says about its machine so far.
  var context: TraceContext { trace.source.context }

  /// The events read so far.
  var eventCount: UInt64 { trace.source.statistics.events }

  /// Whether events of any of some kinds were read so far.
  func hasEvents(of kinds: [EventKind]) -> Bool {
    kinds.contains { trace.source.statistics.eventsByKind[Int($0.rawValue)] > 0 }
  }

  /// What is known of the machine so far; complete after the last batch.
  var profile: MachineProfile {
    MachineProfile(context: context, statistics: trace.source.statistics, overrides: options.overrides)
  }

  /// Reads the next batch and says which of its rows lie where; `nil` after the last one. Throws `TraceError`.
  mutating func next(_ batch: inout EventBatch) throws -> [TimeWindowCursor.Part]? {
    let more: Bool
    do throws(TraceError) {
      more = try trace.source.read(into: &batch)
    } catch {
      progress.clear()
      throw error
    }
    if !more {
      progress.clear()
      return nil
    }
    let parts = cursor.parts(of: batch, strings: strings, clock: trace.source.context.clock)
    if parts.contains(where: { $0.phase == .inside }) { hasEventsInside = true }
    progress.update(
      events: trace.source.statistics.events, bytes: trace.source.statistics.bytes, fraction: trace.fractionRead())
    return parts
  }

  /// Ends a pass that doesn't go to the trace's end.
  mutating func stop() { progress.clear() }

  /// What reports say about the input. Throws `CommandFailure` if there were no events, or none in the window.
  func finish(pairing: PairingCounts) throws -> ReportSubject {
    let statistics = trace.source.statistics
    if cursor.firstTime == nil { throw CommandFailure(Self.noEvents(options.trace, statistics, strings)) }
    try checkWindow()
    return ReportSubject(
      name: options.trace, context: context, profile: profile,
      quality: DataQuality(statistics: statistics, pairing: pairing), window: window)
  }

  /// What of the trace counts, if that is not all of it.
  private var window: ClosedRange<UInt64>? {
    guard options.window != .wholeTrace, let first = cursor.openTime, let last = cursor.lastInsideTime else {
      return nil
    }
    return first...max(first, last)
  }

  /// The exit status of a run that was done: with `--strict`, loss is a failure.
  func status(_ subject: ReportSubject, _ environment: CommandEnvironment) -> ExitStatus {
    guard options.strict, subject.quality.hasLoss else { return .done }
    try? environment.errors.write(
      "kmemreplay: \(options.trace): data was lost or malformed (--strict); the report says what\n")
    return .failed
  }

  private func checkWindow() throws {
    let window = options.window
    if case .mark(let text)? = window.from, cursor.openTime == nil { throw missingMark(text, "--from") }
    if case .mark(let text)? = window.to, cursor.phase != .after {
      throw hasEventsInside ? missingMark(text, "--to") : emptyWindow
    }
    if !hasEventsInside { throw emptyWindow }
  }

  private func missingMark(_ text: String, _ option: String) -> CommandFailure {
    let place = option == "--to" && options.from != nil ? " after --from" : ""
    return CommandFailure(
      "\(options.trace): no trace marker\(place) contains `\(text)` (\(option)). "
        + "`kmemreplay info` lists the markers")
  }

  private var emptyWindow: CommandFailure {
    let first = cursor.firstTime ?? 0
    let isTicks = context.clock == .ticks
    let span = Units.duration(cursor.lastTime >= first ? cursor.lastTime - first : 0, isTicks: isTicks)
    return CommandFailure(
      "\(options.trace): no event lies between --from and --to. The trace's clock runs from "
        + "\(Units.clock(first, isTicks: isTicks)) to \(Units.clock(cursor.lastTime, isTicks: isTicks)) (\(span)); "
        + "+SECONDS counts from the first event")
  }

  private static func noEvents(_ name: String, _ statistics: ImportStatistics, _ strings: StringInterner) -> String {
    let others = statistics.otherEvents.map { (strings.string($0.key), $0.value) }
      .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
    let unit = statistics.unit.rawValue
    var text = "\(name): holds no kmem events in \(Units.count(statistics.lines, unit, unit + "s"))"
    if !others.isEmpty {
      let names = others.prefix(5).map { "\(SafeText.printable($0.0)) \(Units.count($0.1))" }
      text += "; it has others: " + names.joined(separator: ", ")
    }
    return text + ". Record with `trace-cmd record -e kmem`, or enable events/kmem in tracefs"
  }

  /// Whether a trace has events of slab objects.
  static func hasSlabEvents(_ subject: ReportSubject) -> Bool {
    let counts = subject.quality.statistics.eventsByKind
    return EventKind.allCases.contains { kind in
      (kind.isObjectAllocation || kind.isObjectFree) && counts[Int(kind.rawValue)] > 0
    }
  }

  /// Throws `CommandFailure` if a trace has no events of slab objects.
  static func requireSlabEvents(_ subject: ReportSubject) throws {
    if hasSlabEvents(subject) { return }
    throw CommandFailure(
      "\(subject.name): holds no slab events (kmalloc, kmem_cache_alloc, kfree, …), only "
        + "\(Units.count(subject.quality.statistics.events)) others. Record the whole kmem group: "
        + "`trace-cmd record -e kmem`")
  }
}
