import KernelTypes
import TraceEvents

/// Reads the records in which a `.kmr` keeps what a trace says about itself. Fields of later versions are passed over.
enum ColumnarRecords {
  /// What a trace says about its machine; `container` becomes the one that the events were recorded in.
  static func context(_ cursor: inout PlainCursor) -> TraceContext {
    var context = TraceContext()
    context.container = .kmr
    while !cursor.isAtEnd, !cursor.isBad {
      let tag = cursor.number()
      var field = cursor.record()
      switch ColumnarFormat.ContextTag(rawValue: tag) {
      case .container: context.origin = TraceContext.Container(rawValue: field.text())
      case .compression: break
      case .kernelRelease: context.kernelRelease = field.text()
      case .clock: context.clock = TraceContext.Clock(rawValue: field.text()) ?? .time
      case .tracer: context.tracer = field.text()
      case .headerCPUCount: context.headerCPUCount = field.count(upTo: 1 << 20)
      case .observedCPUCount: context.observedCPUCount = field.count(upTo: 1 << 20)
      case .entriesInBuffer: context.entriesInBuffer = field.number()
      case .entriesWritten: context.entriesWritten = field.number()
      case .pointerBytes: context.pointerBytes = field.count(upTo: 8)
      case .features: context.features = EraFeatures(rawValue: UInt32(truncatingIfNeeded: field.number()))
      case nil: break
      }
      if field.isBad { cursor.fail() }
    }
    return context
  }

  /// What happened while the trace was read; `strings` turns the file's identifiers into those of the interner.
  static func statistics(_ cursor: inout PlainCursor, strings: (UInt64) -> StringID) -> ImportStatistics {
    var statistics = ImportStatistics()
    while !cursor.isAtEnd, !cursor.isBad {
      let tag = cursor.number()
      var field = cursor.record()
      switch ColumnarFormat.StatisticsTag(rawValue: tag) {
      case .lines: statistics.lines = field.number()
      case .bytes: statistics.bytes = field.number()
      case .events: statistics.events = field.number()
      case .eventsByKind:
        let name = field.text()
        if let kind = EventKind(named: name) { statistics.eventsByKind[Int(kind.rawValue)] = field.number() }
      case .otherEvent:
        let name = strings(field.number())
        statistics.otherEvents[name] = field.number()
      case .counter:
        if let counter = ImportStatistics.Counter(rawValue: field.text()) { statistics[counter] = field.number() }
      case .sample: sample(&field, &statistics)
      case .unit: if let unit = ImportStatistics.Unit(rawValue: field.text()) { statistics.unit = unit }
      case nil: break
      }
      if field.isBad { cursor.fail() }
    }
    return statistics
  }

  private static func sample(_ field: inout PlainCursor, _ statistics: inout ImportStatistics) {
    let counter = ImportStatistics.Counter(rawValue: field.text())
    let isLine = field.byte() == 0
    let place = field.number()
    let text = field.text()
    guard let counter else { return }
    statistics.count(counter, 0, at: isLine ? .line(place) : .byteOffset(place), text: text)
  }
}

extension EventKind {
  /// The kind that `name` names.
  init?(named name: String) {
    guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = kind
  }
}
