import KernelTypes
public import TraceEvents

/// Writes events as CSV (RFC 4180): one line an event, fields that its kind doesn't have are empty.
public final class CSVTraceWriter: TraceWriter {
  private static let head =
    "time,cpu,pid,comm,event,callSite,address,frame,requestedBytes,allocatedBytes,gfpFlags,node,accounted,order,"
    + "migrateType,name,value,stack\r\n"

  private let output: OutputBytes
  private var hasHead = false

  public init(_ output: OutputBytes) { self.output = output }

  public func write(_ batch: borrowing EventBatch, rows: Range<Int>, of trace: TraceTables) throws(OutputError) {
    try writeHead()
    var row = CSVRow(trace)
    for index in rows {
      row.append(batch[index])
      if row.bytes.count > 1 << 15 {
        try output.write(row.bytes)
        row.removeAll()
      }
    }
    try output.write(row.bytes)
  }

  public func finish(_ trace: TraceTables) throws(OutputError) {
    try writeHead()
    try output.finish()
  }

  private func writeHead() throws(OutputError) {
    if hasHead { return }
    hasHead = true
    try output.write(Self.head)
  }
}

/// Lays out events as CSV lines.
private struct CSVRow {
  private var line: LineBuilder
  private let trace: TraceTables

  init(_ trace: TraceTables) {
    line = LineBuilder(trace.strings)
    self.trace = trace
  }

  var bytes: [UInt8] { line.bytes }
  mutating func removeAll() { line.removeAll() }

  mutating func append(_ event: Event) {
    time(event.time)
    next()
    line.decimal(UInt64(event.cpu))
    next()
    let hasTask = event.flags.contains(.hasTask)
    if hasTask { line.signed(Int64(event.pid)) }
    next()
    if hasTask { field(event.comm) }
    next()
    line.text(event.kind.name)
    next()
    let isObject = event.kind.isObjectAllocation || event.kind.isObjectFree
    let isPage = !isObject && !event.kind.isProcessEvent && event.kind != .rssStat && event.kind != .mark
    let isFault = event.kind == .pageFaultUser || event.kind == .pageFaultKernel
    if isObject || isFault { field(event.callSite) }
    next()
    if isObject || isFault || event.kind == .syscallEnter, !event.flags.contains(.unknownPointer) {
      hexadecimal(event.address)
    }
    next()
    if isPage { hexadecimal(event.address) }
    next()
    if event.kind.isObjectAllocation { line.decimal(event.requestedBytes) }
    next()
    if event.kind.isObjectAllocation { line.decimal(event.allocatedBytes) }
    next()
    field(event.gfp)
    next()
    if event.kind.isObjectAllocation { line.signed(Int64(event.node)) }
    next()
    if event.kind.isObjectAllocation { line.text(event.flags.contains(.accounted) ? "1" : "0") }
    next()
    if isPage { line.decimal(UInt64(event.order)) }
    next()
    if isPage { line.decimal(UInt64(event.migrateType)) }
    next()
    field(event.name)
    next()
    value(event)
    next()
    stack(event.stack)
    line.text("\r\n")
  }

  private mutating func next() { line.byte(0x2C) }

  private mutating func hexadecimal(_ value: UInt64) {
    line.text("0x")
    line.hexadecimal(value)
  }

  /// Seconds with nine digits, or plain ticks.
  private mutating func time(_ time: UInt64) {
    if trace.context.clock == .ticks { return line.decimal(time) }
    line.decimal(time / 1_000_000_000)
    line.byte(0x2E)
    line.decimal(time % 1_000_000_000, width: 9, fill: 0x30)
  }

  /// rss_stat: the size in bytes. extfrag: the order and type fallen back to. Page faults: the error code. System calls:
  /// the length, or the result. Process events: the number of the task they are about.
  private mutating func value(_ event: Event) {
    switch event.kind {
    case .rssStat: line.signed(Int64(bitPattern: event.requestedBytes))
    case .pageFaultUser, .pageFaultKernel, .syscallEnter, .syscallExit: hexadecimal(event.requestedBytes)
    case .schedProcessFork, .schedProcessExec, .schedProcessExit: line.decimal(event.address)
    case .mmPageAllocExtfrag:
      line.decimal(event.requestedBytes)
      line.byte(0x2F)
      line.decimal(event.allocatedBytes)
    default: break
    }
  }

  private mutating func stack(_ id: StackID) {
    let frames = trace.stacks[id]
    for (index, frame) in frames.enumerated() {
      if index > 0 { line.byte(0x3B) }
      unquoted(frame)
    }
  }

  /// Frames stand in one field: what would end it becomes `_`.
  private mutating func unquoted(_ id: StringID) {
    trace.strings.withBytes(of: id) { bytes in
      for byte in bytes { line.byte([0x22, 0x2C, 0x3B, 10, 13].contains(byte) ? 0x5F : byte) }
    }
  }

  /// A text, in quotes if RFC 4180 asks for them.
  private mutating func field(_ id: StringID) {
    let isPlain = trace.strings.withBytes(of: id) { bytes in
      !bytes.contains { $0 == 0x2C || $0 == 0x22 || $0 == 10 || $0 == 13 }
    }
    if isPlain { return line.string(id) }
    line.byte(0x22)
    trace.strings.withBytes(of: id) { bytes in
      for byte in bytes {
        if byte == 0x22 { line.byte(0x22) }
        line.byte(byte)
      }
    }
    line.byte(0x22)
  }
}
