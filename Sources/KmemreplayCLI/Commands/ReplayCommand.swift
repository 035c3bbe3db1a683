import Analysis
import ArgumentParser
import KernelTypes
import Replay
import Reports
import TraceEvents

/// `replay`: what the model of an allocator does with a trace's requests, graded against the trace.
struct ReplayCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "What a modelled allocator does with the trace's requests, graded against the trace.",
    discussion: """
      Example: kmemreplay replay trace.txt --allocator slub

      The trace is read twice: once to learn what its caches are, once to replay it. A trace that the same allocator \
      made is also followed step by step, and the report says how many of its answers the model got right.
      """)

  /// The allocators that can be modelled.
  enum Allocator: String, CaseIterable, ExpressibleByArgument {
    case slub
  }

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @OptionGroup(title: "SLUB") var slub: SLUBOptions

  @Option(name: .long, help: "The allocator to model.")
  var allocator: Allocator = .slub

  func validate() throws { try output.require([.text, .json, .markdown], command: "replay") }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    let open = environment.openRepeatedly(input.trace)

    let start = try reconnoitre(environment, try open())
    let (subject, findings, status) = try replay(environment, open, start)
    let report = ReplayReport(subject: subject, findings: findings, top: output.top)
    switch output.format {
    case .json: try destination.write(try report.json())
    case .markdown: try destination.write(report.markdown())
    case .text, .html, .csv: try destination.write(report.text())
    }
    return status
  }

  /// What the beginning of a trace tells.
  private struct Start {
    var profile: KernelProfile
    /// The direct map's distance in pages, if objects can be related to pages.
    var pageOffset: UInt64?
    var tracedAllocator: TracedAllocator.Kind?

    var ungraded: ReplayFindings.Ungraded? {
      switch tracedAllocator {
      case nil: .unknownAllocator
      case .slub?: pageOffset == nil ? .noAddresses : nil
      case .slab?, .slob?: .otherAllocator
      }
    }
  }

  private func reconnoitre(_ environment: CommandEnvironment, _ trace: OpenedTrace) throws -> Start {
    var run = TraceRun(input, environment, reading: trace)
    var batch = EventBatch()
    var more = try run.next(&batch) != nil
    var reconnaissance = ReplayReconnaissance(profile: run.profile.kernelProfile)
    while more, !reconnaissance.isDone {
      reconnaissance.consume(batch)
      more = try run.next(&batch) != nil
    }
    run.stop()
    let hashed = trace.source.statistics[.hashedPointers] > 0
    var profile = run.profile.kernelProfile
    profile.kmalloc.hasAccountedCaches =
      reconnaissance.sawAccounted && profile.kernel >= KmallocPolicy.accountedCachesSince
    slub.apply(to: &profile)
    return Start(
      profile: profile, pageOffset: hashed ? nil : reconnaissance.pageOffset,
      tracedAllocator: reconnaissance.tracedAllocator)
  }

  private func replay(
    _ environment: CommandEnvironment, _ open: () throws(TraceError) -> OpenedTrace, _ start: Start
  ) throws -> (ReportSubject, ReplayFindings, ExitStatus) {
    var batch = EventBatch()
    var first = TraceRun(input, environment, reading: try open())
    var survey = TraceSurvey(profile: start.profile, pageOffset: start.pageOffset, strings: first.strings)
    while try first.next(&batch) != nil { survey.consume(batch) }
    survey.finish()
    // Only the whole trace tells all CPUs, if its header doesn't.
    var profile = start.profile
    profile.cpuCount = first.profile.cpuCount

    var engine = ReplayEngine(
      profile: profile, survey: survey, following: start.ungraded == nil, strings: first.strings)
    var second = TraceRun(input, environment, reading: try open())
    while let parts = try second.next(&batch) {
      for part in parts where part.phase != .after {
        engine.consume(batch, rows: part.rows, isInside: part.phase == .inside)
      }
    }
    let outcome = engine.finish()
    let subject = try second.finish(pairing: outcome.pairing)
    try TraceRun.requireSlabEvents(subject)
    let findings = ReplayFindings(
      allocator: .slub, tracedAllocator: start.tracedAllocator, ungraded: start.ungraded, profile: profile,
      outcome: outcome)
    return (subject, findings, second.status(subject, environment))
  }
}
