import Analysis
import KernelTypes
import TraceEvents

/// The JSON of `info`.
struct InfoDocument: Encodable {
  struct Span: Encodable {
    var firstNanoseconds: UInt64
    var lastNanoseconds: UInt64
    /// The time of the trace's first event on its own clock.
    var clockAtFirstNanoseconds: UInt64
  }

  struct Task: Encodable {
    var name: String
    var pid: Int32
    var events: UInt64
  }

  struct Mark: Encodable {
    var text: String
    var atNanoseconds: UInt64
  }

  struct Header: Encodable {
    var tracer: String?
    var entriesInBuffer: UInt64?
    var entriesWritten: UInt64?
    var cpus: Int?
  }

  var events: [String: UInt64]
  var otherEvents: [String: UInt64]
  var cpus: Int
  var eventsByCPU: [UInt64]
  var span: Span
  var kernelEra: String
  var clock: String
  var header: Header
  var tasks: [Task]
  var tasksOmitted: Int
  var marks: [Mark]
  var marksOmitted: UInt64
  var live: Amount
  var peak: Amount

  init(_ report: InfoReport) {
    let context = report.subject.context
    let result = report.result
    events = Dictionary(uniqueKeysWithValues: report.events.map { ($0.name, $0.count) })
    otherEvents = report.otherEvents
    cpus = report.subject.profile.cpuCount
    eventsByCPU = result.eventsByCPU
    span = Span(
      firstNanoseconds: result.firstTime, lastNanoseconds: result.lastTime,
      clockAtFirstNanoseconds: result.clockAtFirstEvent)
    kernelEra = report.subject.profile.era.description
    clock = context.clock.rawValue
    header = Header(
      tracer: context.tracer, entriesInBuffer: context.entriesInBuffer, entriesWritten: context.entriesWritten,
      cpus: context.headerCPUCount)
    tasks = result.tasks.prefix(report.top ?? .max).map { Task(name: $0.name, pid: $0.pid, events: $0.events) }
    tasksOmitted = result.tasks.count - tasks.count
    marks = result.marks.map { Mark(text: $0.text, atNanoseconds: $0.time) }
    marksOmitted = result.marksOmitted
    live = report.waste.live
    peak = report.waste.peak.amount
  }
}

extension InfoReport {
  /// The report as JSON.
  public func json() throws -> String {
    try JSONReport.text(DocumentHeader(command: "info", subject: subject), InfoDocument(self))
  }
}
