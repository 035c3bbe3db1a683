import KernelTypes
import TraceEvents
import TraceInput

/// Builds the records that keep what a trace says about itself: the counterpart of the reader's `ColumnarRecords`.
enum ColumnarRecordWriter {
  static func context(_ context: TraceContext) -> PlainBytes {
    var record = PlainBytes()
    func field(_ tag: ColumnarFormat.ContextTag, _ body: (inout PlainBytes) -> Void) {
      record.field(tag.rawValue, body)
    }
    field(.container) { $0.text(context.recordedIn.rawValue) }
    field(.compression) { $0.text(context.compression.rawValue) }
    field(.clock) { $0.text(context.clock.rawValue) }
    if let tracer = context.tracer { field(.tracer) { $0.text(tracer) } }
    if let count = context.headerCPUCount { field(.headerCPUCount) { $0.number(UInt64(clamping: count)) } }
    field(.observedCPUCount) { $0.number(UInt64(clamping: context.observedCPUCount)) }
    if let release = context.kernelRelease { field(.kernelRelease) { $0.text(release) } }
    if let entries = context.entriesInBuffer { field(.entriesInBuffer) { $0.number(entries) } }
    if let entries = context.entriesWritten { field(.entriesWritten) { $0.number(entries) } }
    if let bytes = context.pointerBytes { field(.pointerBytes) { $0.number(UInt64(clamping: bytes)) } }
    field(.features) { $0.number(UInt64(context.features.rawValue)) }
    return record
  }

  static func statistics(_ statistics: ImportStatistics) -> PlainBytes {
    var record = PlainBytes()
    func field(_ tag: ColumnarFormat.StatisticsTag, _ body: (inout PlainBytes) -> Void) {
      record.field(tag.rawValue, body)
    }
    field(.lines) { $0.number(statistics.lines) }
    if statistics.unit != .line { field(.unit) { $0.text(statistics.unit.rawValue) } }
    field(.bytes) { $0.number(statistics.bytes) }
    field(.events) { $0.number(statistics.events) }
    for kind in EventKind.allCases where statistics.eventsByKind[Int(kind.rawValue)] > 0 {
      field(.eventsByKind) {
        $0.text(kind.name)
        $0.number(statistics.eventsByKind[Int(kind.rawValue)])
      }
    }
    for (name, count) in statistics.otherEvents.sorted(by: { $0.key < $1.key }) {
      field(.otherEvent) {
        $0.number(UInt64(name.rawValue))
        $0.number(count)
      }
    }
    for counter in ImportStatistics.Counter.allCases where statistics[counter] > 0 {
      field(.counter) {
        $0.text(counter.rawValue)
        $0.number(statistics[counter])
      }
    }
    for sample in statistics.samples {
      field(.sample) {
        $0.text(sample.counter.rawValue)
        switch sample.location {
        case .line(let line):
          $0.byte(0)
          $0.number(line)
        case .byteOffset(let offset):
          $0.byte(1)
          $0.number(offset)
        }
        $0.text(sample.text)
      }
    }
    return record
  }
}
