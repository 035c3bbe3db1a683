import KernelTypes
public import TraceEvents

/// Writes the text that the kernel's own `trace` file has, in the spelling of the kernel that made the trace.
///
/// Which fields a line has (`node=`, `accounted=`, `name=`), whether frames are hexadecimal and whether lines have four or
/// five flag columns follows the trace's features, so that reading the text gives the same events and the same era.
/// What events don't carry is printed as the kernel prints what it doesn't know: flags as dots, the `page=` pointer of page
/// events as `(____ptrval____)`. Times have nine digits where microseconds would not do.
///
/// Layouts: trace_print_context in kernel/trace/trace_output.c, include/trace/events/kmem.h.
public final class FtraceTextWriter: TraceWriter {
  private let output: OutputBytes
  private let heading: [String]
  private var hasHeader = false
  private var hasNanoseconds = false

  /// `heading` are lines put above the events as comments.
  public init(_ output: OutputBytes, heading: [String] = []) {
    self.output = output
    self.heading = heading
  }

  public func write(_ batch: borrowing EventBatch, rows: Range<Int>, of trace: TraceTables) throws(OutputError) {
    if !hasHeader { try writeHeader(batch, rows, trace) }
    var line = EventLine(trace, hasNanoseconds: hasNanoseconds)
    for row in rows {
      line.append(batch[row])
      if line.bytes.count > 1 << 15 {
        try output.write(line.bytes)
        line.removeAll()
      }
    }
    try output.write(line.bytes)
  }

  public func finish(_ trace: TraceTables) throws(OutputError) {
    if !hasHeader { try writeHeader(EventBatch(capacity: 1), 0..<0, trace) }
    // Losses are known at the end only; what is read back must not look whole.
    let lost = trace.statistics[.lostEvents]
    if lost > 0 { try output.write("CPU:0 [LOST \(lost) EVENTS]\n") }
    for (counter, what) in [
      (ImportStatistics.Counter.malformedLines, "lines or records that could not be read"),
      (.unknownEvents, "events of other kinds"), (.truncatedEnd, "cut-off ends"),
    ] where trace.statistics[counter] > 0 {
      try output.write("# left out by the conversion: \(trace.statistics[counter]) \(what)\n")
    }
    try output.finish()
  }

  private func writeHeader(
    _ batch: borrowing EventBatch, _ rows: Range<Int>, _ trace: TraceTables
  ) throws(OutputError) {
    hasHeader = true
    for row in rows where batch.time[row] % 1000 != 0 { hasNanoseconds = true }
    let context = trace.context
    var text = "# tracer: \(context.tracer ?? "nop")\n#\n"
    let cpus = context.headerCPUCount.map { "   #P:\($0)" } ?? ""
    if let held = context.entriesInBuffer, let written = context.entriesWritten {
      text += "# entries-in-buffer/entries-written: \(held)/\(written)\(cpus)\n#\n"
    } else if !cpus.isEmpty {
      text += "#\(cpus)\n#\n"
    }
    for line in heading { text += "# \(line)\n" }
    try output.write(text)
  }
}

/// Lays out events as lines.
private struct EventLine {
  private var line: LineBuilder
  private let trace: TraceTables
  private let hasNanoseconds: Bool
  private let isTicks: Bool
  private let features: EraFeatures
  private let pointerDigits: Int

  init(_ trace: TraceTables, hasNanoseconds: Bool) {
    line = LineBuilder(trace.strings)
    self.trace = trace
    self.hasNanoseconds = hasNanoseconds
    isTicks = trace.context.clock == .ticks
    features = trace.context.features
    pointerDigits = trace.context.pointerBytes == 4 ? 8 : 16
  }

  var bytes: [UInt8] { line.bytes }
  mutating func removeAll() { line.removeAll() }

  mutating func append(_ event: Event) {
    prefix(event)
    if event.kind != .syscallEnter, event.kind != .syscallExit {
      line.text(event.kind.name)
      line.text(": ")
    }
    switch event.kind {
    case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode: allocation(event)
    case .kfree, .kmemCacheFree: free(event)
    case .mmPageAlloc, .mmPageFree, .mmPageFreeBatched, .mmPageFreeDirect, .mmPageAllocZoneLocked, .mmPagePCPUDrain:
      page(event)
    case .mmPageAllocExtfrag: fallback(event)
    case .rssStat: resident(event)
    case .mark: line.string(event.name)
    case .pageFaultUser, .pageFaultKernel: fault(event)
    case .schedProcessFork, .schedProcessExec, .schedProcessExit: process(event)
    case .syscallEnter: call(event)
    case .syscallExit:
      line.text("sys_")
      line.string(event.name)
      line.text(" -> 0x")
      line.hexadecimal(event.requestedBytes)
    case .kswapdWake, .kswapdSleep, .kswapdWakeup, .directReclaimBegin, .directReclaimEnd, .kcompactdWakeup,
      .kcompactdWake, .kcompactdSleep, .lruShrinkInactive, .reclaimRetry, .shrinkSlab:
      reclaim(event)
    case .compactionBegin, .compactionEnd, .compactionSuitable, .compactionIsolateMigrate, .compactionIsolateFree,
      .compactionMigrate, .compactionFinished, .compactionDefer:
      compaction(event)
    case .oomMarkVictim, .oomScoreAdjust: victim(event)
    }
    line.byte(10)
    if event.stack != .none { stack(event) }
  }

  private mutating func reclaim(_ event: Event) {
    switch event.kind {
    case .directReclaimEnd:
      line.text("nr_reclaimed=")
      return line.decimal(event.requestedBytes)
    case .shrinkSlab:
      line.text("nid: ")
      return line.signed(Int64(event.node))
    case .lruShrinkInactive:
      line.text("nid=")
      line.signed(Int64(event.node))
      line.text(" nr_scanned=")
      line.decimal(event.requestedBytes)
      line.text(" nr_reclaimed=")
      return line.decimal(event.allocatedBytes)
    case .reclaimRetry:
      zone(event)
      line.text(" reclaimable=")
      line.decimal(event.requestedBytes)
      line.text(" available=")
      line.decimal(event.allocatedBytes)
      line.text(" min_wmark=")
      line.decimal(event.address)
      line.text(" wmark_check=")
      return line.decimal(UInt64(event.migrateType))
    case .directReclaimBegin: line.text("order=")
    default:
      line.text("nid=")
      line.signed(Int64(event.node))
      if event.kind == .kswapdSleep || event.kind == .kcompactdSleep { return }
      line.text(" order=")
    }
    line.decimal(UInt64(event.order))
    if event.gfp != .none {
      line.text(" gfp_flags=")
      line.string(event.gfp)
    }
  }

  private mutating func zone(_ event: Event) {
    line.text("node=")
    line.signed(Int64(event.node))
    line.text(" zone=")
    line.string(event.name)
    line.text(" order=")
    // No order at all is −1.
    line.signed(Int64(Int8(bitPattern: event.order)))
  }

  private static let results: [StaticString] = [
    "not_suitable_zone", "skipped", "deferred", "no_suitable_page", "continue", "complete", "partial_skipped",
    "contended", "success",
  ]

  private mutating func result(_ number: UInt64) {
    line.text(number < UInt64(Self.results.count) ? Self.results[Int(number)] : "unknown")
  }

  private mutating func compaction(_ event: Event) {
    switch event.kind {
    case .compactionBegin, .compactionEnd:
      line.text("zone_start=0x")
      line.hexadecimal(event.address)
      line.text(" migrate_pfn=0x")
      line.hexadecimal(event.requestedBytes)
      line.text(" free_pfn=0x")
      line.hexadecimal(event.allocatedBytes)
      if event.kind == .compactionBegin { return }
      line.text(" status=")
      result(UInt64(event.order))
    case .compactionSuitable, .compactionFinished:
      zone(event)
      line.text(" ret=")
      result(event.requestedBytes)
    case .compactionDefer:
      zone(event)
      line.text(" consider=")
      line.decimal(event.requestedBytes)
      line.text(" limit=")
      line.decimal(1 << min(event.allocatedBytes, 62))
    case .compactionMigrate:
      line.text("nr_migrated=")
      line.decimal(event.requestedBytes)
      line.text(" nr_failed=")
      line.decimal(event.allocatedBytes)
    default:
      line.text("range=(0x")
      line.hexadecimal(event.address)
      line.text(" ~ 0x")
      line.hexadecimal(event.requestedBytes)
      line.text(") nr_taken=")
      line.decimal(event.allocatedBytes)
    }
  }

  private mutating func victim(_ event: Event) {
    line.text("pid=")
    line.decimal(event.address)
    if event.kind == .oomScoreAdjust {
      line.text(" oom_score_adj=")
      line.signed(Int64(bitPattern: event.requestedBytes))
    }
  }

  private mutating func prefix(_ event: Event) {
    if event.flags.contains(.hasTask) {
      line.spaces(16 - line.length(of: event.comm))
      line.string(event.comm)
      line.byte(0x2D)
      let start = line.bytes.count
      line.signed(Int64(event.pid))
      line.spaces(7 - (line.bytes.count - start))
    }
    line.text(" [")
    line.decimal(UInt64(event.cpu), width: 3, fill: 0x30)
    line.text(features.contains(.fiveFlagColumns) ? "] ..... " : "] .... ")
    if isTicks {
      line.decimal(event.time, width: 12)
    } else {
      line.decimal(event.time / 1_000_000_000, width: 5)
      line.byte(0x2E)
      let fraction = event.time % 1_000_000_000
      if hasNanoseconds || fraction % 1000 != 0 {
        line.decimal(fraction, width: 9, fill: 0x30)
      } else {
        line.decimal(fraction / 1000, width: 6, fill: 0x30)
      }
    }
    line.text(": ")
  }

  private mutating func callSite(_ event: Event) {
    line.text("call_site=")
    line.string(event.callSite)
    line.text(" ptr=")
    if event.flags.contains(.unknownPointer) {
      line.text("(____ptrval____)")
    } else {
      line.hexadecimal(event.address, width: pointerDigits)
    }
  }

  private mutating func allocation(_ event: Event) {
    callSite(event)
    if event.name != .none {
      line.text(" name=")
      line.string(event.name)
    }
    line.text(" bytes_req=")
    line.decimal(event.requestedBytes)
    line.text(" bytes_alloc=")
    line.decimal(event.allocatedBytes)
    line.text(" gfp_flags=")
    line.string(event.gfp)
    let isNodeEvent = event.kind == .kmallocNode || event.kind == .kmemCacheAllocNode
    if isNodeEvent || features.contains(.nodeInKmalloc) {
      line.text(" node=")
      line.signed(Int64(event.node))
    }
    if features.contains(.accounted) {
      line.text(event.flags.contains(.accounted) ? " accounted=true" : " accounted=false")
    }
  }

  private mutating func free(_ event: Event) {
    callSite(event)
    if event.name != .none || event.kind == .kmemCacheFree && features.contains(.nameInFree) {
      line.text(" name=")
      line.string(event.name)
    }
  }

  private mutating func frame(_ event: Event) {
    line.text("page=")
    if event.flags.contains(.failed) {
      line.hexadecimal(0, width: pointerDigits)
    } else {
      line.text("(____ptrval____)")
    }
    if features.contains(.decimalFrames) {
      line.text(" pfn=")
      line.decimal(event.address)
    } else {
      line.text(" pfn=0x")
      line.hexadecimal(event.address)
    }
  }

  private mutating func page(_ event: Event) {
    frame(event)
    line.text(" order=")
    line.decimal(UInt64(event.order))
    let hasType =
      switch event.kind {
      case .mmPageAlloc, .mmPageAllocZoneLocked, .mmPagePCPUDrain: true
      default: false
      }
    if hasType {
      line.text(" migratetype=")
      line.decimal(UInt64(event.migrateType))
    }
    if event.kind == .mmPageAlloc {
      line.text(" gfp_flags=")
      line.string(event.gfp)
    }
    if event.kind == .mmPageAllocZoneLocked {
      line.text(event.flags.contains(.perCPURefill) ? " percpu_refill=1" : " percpu_refill=0")
    }
    if event.kind == .mmPageFreeBatched, features.contains(.coldBatchedFrees) { line.text(" cold=0") }
  }

  private mutating func fallback(_ event: Event) {
    frame(event)
    for (key, value) in [
      (" alloc_order=", UInt64(event.order)), (" fallback_order=", event.requestedBytes),
      (" pageblock_order=", UInt64(UInt16(bitPattern: event.node))),
      (" alloc_migratetype=", UInt64(event.migrateType)), (" fallback_migratetype=", event.allocatedBytes),
      (" fragmenting=", event.flags.contains(.fragmenting) ? 1 : 0),
      (" change_ownership=", event.flags.contains(.changeOwnership) ? 1 : 0),
    ] {
      // Without the field the row has −1, which no kernel prints.
      if key == " pageblock_order=", event.node < 0 { continue }
      line.text(key)
      line.decimal(value)
    }
  }

  private mutating func resident(_ event: Event) {
    line.text("mm_id=")
    line.decimal(event.address)
    line.text(event.flags.contains(.changeOwnership) ? " curr=1" : " curr=0")
    let isNumber = trace.strings.withBytes(of: event.name) { $0.allSatisfy { (0x30...0x39).contains($0) } }
    line.text(isNumber ? " member=" : " type=")
    line.string(event.name)
    line.text(" size=")
    line.signed(Int64(bitPattern: event.requestedBytes))
    line.byte(0x42)
  }

  private mutating func fault(_ event: Event) {
    if event.flags.contains(.unknownPointer) {
      line.text("address=(____ptrval____)")
    } else {
      line.text("address=0x")
      line.hexadecimal(event.address)
    }
    line.text(" ip=")
    if event.callSite == .none {
      line.text("0x")
      line.hexadecimal(event.allocatedBytes)
    } else {
      line.string(event.callSite)
    }
    line.text(" error_code=0x")
    line.hexadecimal(event.requestedBytes)
  }

  private mutating func process(_ event: Event) {
    if event.kind == .schedProcessExec {
      line.text("filename=")
      line.string(event.name)
      line.text(" pid=")
      line.decimal(event.address)
      line.text(" old_pid=")
      return line.decimal(event.requestedBytes)
    }
    line.text("comm=")
    line.string(event.comm)
    if event.kind == .schedProcessExit {
      line.text(" pid=")
      return line.decimal(event.address)
    }
    line.text(" pid=")
    line.decimal(event.requestedBytes)
    line.text(" child_comm=")
    line.string(event.name)
    line.text(" child_pid=")
    line.decimal(event.address)
  }

  /// A system call with the arguments that events keep, in the kernel's own spelling of each call.
  private mutating func call(_ event: Event) {
    let name = trace.strings.string(event.name)
    line.text("sys_")
    line.string(event.name)
    let low = event.allocatedBytes & 0xFFFF_FFFF
    let high = event.allocatedBytes >> 32
    let arguments: [(String, UInt64)] =
      switch name {
      case "mmap":
        [
          ("addr", event.address), ("len", event.requestedBytes), ("prot", low), ("flags", high),
          ("fd", UInt64(bitPattern: Int64(event.node))),
        ]
      case "mprotect": [("start", event.address), ("len", event.requestedBytes), ("prot", low)]
      case "madvise": [("start", event.address), ("len_in", event.requestedBytes), ("behavior", low)]
      case "mremap":
        [
          ("addr", event.address), ("old_len", event.requestedBytes), ("new_len", event.allocatedBytes),
          ("flags", UInt64(event.order)),
        ]
      case "brk": [("brk", event.address)]
      case "mlock", "munlock": [("start", event.address), ("len", event.requestedBytes)]
      default: [("addr", event.address), ("len", event.requestedBytes)]
      }
    for (index, argument) in arguments.enumerated() {
      line.text(index == 0 ? "(" : ", ")
      line.text(argument.0)
      line.text(": ")
      line.hexadecimal(argument.1)
    }
    line.text(")")
  }

  private mutating func stack(_ event: Event) {
    prefix(event)
    line.text("<stack trace>\n")
    for frame in trace.stacks[event.stack] {
      line.text(" => ")
      line.string(frame)
      line.byte(10)
    }
  }
}
