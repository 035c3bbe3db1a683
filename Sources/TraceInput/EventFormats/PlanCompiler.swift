import KernelTypes
import TraceEvents

/// Makes decode plans of event formats.
///
/// Columns are found by the names that fields have had since 2.6.31 (include/trace/events/kmem.h); what the kernel
/// computes while printing (gfp names, `accounted`, `fragmenting`, …) comes from the format's own `print fmt`.
struct PlanCompiler {
  private let format: EventFormat
  private let print: PrintFormat
  private var plan = DecodePlan()
  private var expressions = PlanExpressions()
  private var isComplete = true

  private init(_ format: EventFormat) {
    self.format = format
    print = PrintFormat(parsing: format.printFormat)
  }

  /// The plan of a format, without its name.
  static func compile(_ format: EventFormat) -> (plan: DecodePlan, expressions: PlanExpressions) {
    var compiler = PlanCompiler(format)
    compiler.compile()
    return (compiler.plan, compiler.expressions)
  }

  /// Whether an event of this name has rows.
  static func knows(_ name: String) -> Bool { kinds[name] != nil }

  private static let kinds: [String: EventKind] = {
    var kinds = Dictionary(
      uniqueKeysWithValues: EventKind.allCases.filter { ![.mark, .syscallEnter, .syscallExit].contains($0) }
        .map { ($0.name, $0) })
    // As in text: before 3.3 this was the only event of pages freed in batches.
    kinds["mm_pagevec_free"] = .mmPageFreeDirect
    for call in SystemCallText.names {
      let name = String(decoding: call, as: UTF8.self)
      kinds["sys_enter_" + name] = .syscallEnter
      kinds["sys_exit_" + name] = .syscallExit
    }
    return kinds
  }()

  private mutating func compile() {
    plan.pid = optional("common_pid")
    switch format.name {
    case "print": compileMark(field: "buf")
    case "bputs": compileStoredMark()
    case "kernel_stack": compileStack()
    case "user_stack": plan.action = .userStack
    default:
      guard let kind = Self.kinds[format.name] else { return }
      plan.kind = kind
      plan.action = .event
      compileColumns(kind)
      if !isComplete { plan.action = .unreadable }
    }
  }

  // "field:char buf[]; offset:16; size:0": the text goes on to the end of the record.
  private mutating func compileMark(field name: String) {
    plan.kind = .mark
    guard let field = format.field(name) else {
      plan.action = .unreadable
      return
    }
    plan.action = .mark
    plan.text.offset = Int32(field.offset)
    plan.text.isPresent = true
    plan.minimumBytes = max(plan.minimumBytes, field.offset)
  }

  private mutating func compileStoredMark() {
    plan.kind = .mark
    plan.action = .storedMark
    plan.address = required("str")
    if !isComplete { plan.action = .unreadable }
  }

  private mutating func compileStack() {
    guard let callers = format.field("caller") else {
      plan.action = .unreadable
      return
    }
    plan.action = .kernelStack
    plan.text.offset = Int32(callers.offset)
    plan.text.isPresent = true
    plan.minimumBytes = max(plan.minimumBytes, callers.offset)
    plan.requestedBytes = optional("size")
  }

  private mutating func compileColumns(_ kind: EventKind) {
    switch kind {
    case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode:
      plan.callSite = required("call_site")
      plan.address = required("ptr")
      plan.requestedBytes = required("bytes_req")
      plan.allocatedBytes = required("bytes_alloc")
      plan.node = kind == .kmallocNode || kind == .kmemCacheAllocNode ? required("node") : optional("node")
      plan.nullFlags = .failed
      compileGFP()
      compileName()
      noteAllocation(kind)
    case .kfree, .kmemCacheFree:
      plan.callSite = required("call_site")
      plan.address = required("ptr")
      compileName()
      if plan.text.isPresent { plan.features.insert(.nameInFree) }
    case .mmPageAlloc:
      compilePage()
      plan.nullFlags = .failed
      plan.order = required("order")
      plan.migrateType = required("migratetype")
      compileGFP()
    case .mmPageFree, .mmPageFreeDirect:
      compilePage()
      plan.order = required("order")
      if kind == .mmPageFreeDirect { plan.features.insert(.directPageFrees) }
    case .mmPageFreeBatched:
      compilePage()
      if format.field("cold") != nil { plan.features.insert(.coldBatchedFrees) }
    case .mmPageAllocZoneLocked:
      compilePage()
      plan.order = required("order")
      plan.migrateType = required("migratetype")
      compileFlag("percpu_refill", .perCPURefill)
    case .mmPagePCPUDrain:
      compilePage()
      plan.order = required("order")
      plan.migrateType = required("migratetype")
    case .mmPageAllocExtfrag:
      compilePage()
      plan.order = required("alloc_order")
      plan.migrateType = required("alloc_migratetype")
      plan.requestedBytes = required("fallback_order")
      plan.allocatedBytes = required("fallback_migratetype")
      compileFlag("change_ownership", .changeOwnership)
      compileExtra("fragmenting", .flag(.fragmenting))
      compileExtra("pageblock_order", .node)
    case .rssStat:
      plan.address = required("mm_id")
      plan.requestedBytes = required("size")
      compileFlag("curr", .changeOwnership)
      compileExtra(print.item("type") != nil ? "type" : "member", .name)
    case .mark:
      break
    case .pageFaultUser, .pageFaultKernel, .schedProcessFork, .schedProcessExec, .schedProcessExit, .syscallEnter,
      .syscallExit:
      compileProcessColumns(kind)
    case .kswapdWake, .kswapdSleep, .kswapdWakeup, .directReclaimBegin, .directReclaimEnd, .compactionBegin,
      .compactionEnd, .compactionSuitable, .compactionIsolateMigrate, .compactionIsolateFree, .compactionMigrate,
      .oomMarkVictim, .oomScoreAdjust, .lruShrinkInactive, .reclaimRetry, .compactionFinished, .compactionDefer,
      .kcompactdWakeup, .kcompactdWake, .kcompactdSleep, .shrinkSlab:
      compileReclaimColumns(kind)
    }
  }

  private mutating func compilePage() {
    if let frame = FieldSlot(format.field("pfn")) {
      use(frame)
      plan.address = frame
      plan.nullAddress = frame.size == 4 ? UInt64(UInt32.max) : .max
      plan.address.isSigned = false
      if let item = print.item("pfn") {
        plan.features.insert(item.isPrefixed || item.conversion.hasSuffix("x") ? .hexadecimalFrames : .decimalFrames)
      }
    } else {
      // Kernels before 4.1 record the address of a struct page, whose size no format tells: it identifies the page and
      // says nothing about where it lies.
      plan.address = required("page")
      plan.fixedFlags = .hashedPointer
      plan.features.insert(.decimalFrames)
    }
  }

  private mutating func compileGFP() {
    plan.gfp = required("gfp_flags")
    plan.gfp.isSigned = false
    let field = "gfp_flags"
    let text = print.item(field)?.argument ?? .unknown
    let usable = text.fields.isSubset(of: [field]) ? text : .unknown
    var gfp = PlanExpressions.GFP(field: field, text: usable)
    if let accounted = FieldSlot(format.field("accounted")) {
      use(accounted)
      plan.flagField = accounted
      plan.flag = .accounted
    } else if let item = print.item("accounted"), item.argument.fields.isSubset(of: [field]) {
      gfp.accounted = item.argument
    }
    if print.item("accounted") != nil { plan.features.insert(.accounted) }
    expressions.gfp = gfp
  }

  private mutating func compileName(_ name: String = "name") {
    guard let field = format.field(name) else { return }
    plan.text.offset = Int32(field.offset)
    plan.text.size = Int32(field.size)
    plan.text.storage = field.storage
    plan.text.isPresent = field.storage == .inline ? field.isArray : field.size == 4
    plan.minimumBytes = max(plan.minimumBytes, field.end)
  }

  private mutating func noteAllocation(_ kind: EventKind) {
    if plan.text.isPresent { plan.features.insert(.nameInAlloc) }
    switch kind {
    case .kmallocNode, .kmemCacheAllocNode: plan.features.insert(.nodeEvents)
    default: if plan.node.isPresent { plan.features.insert(.nodeInKmalloc) }
    }
  }

  private mutating func compileFlag(_ key: String, _ flag: EventFlags) {
    if let slot = FieldSlot(format.field(key)) {
      use(slot)
      plan.flagField = slot
      plan.flag = flag
    } else {
      compileExtra(key, .flag(flag))
    }
  }

  private mutating func compileExtra(_ key: String, _ column: PlanExpressions.Extra.Column) {
    if let item = print.item(key) { compileExtra(column, item.argument) }
  }

  private mutating func compileExtra(_ column: PlanExpressions.Extra.Column, _ value: FormatExpression) {
    var slots: [String: FieldSlot] = [:]
    for name in value.fields {
      guard let slot = FieldSlot(format.field(name)) else { return }
      use(slot)
      slots[name] = slot
    }
    expressions.extras.append(.init(column: column, value: value, slots: slots))
  }

  private mutating func required(_ name: String) -> FieldSlot {
    let slot = optional(name)
    if !slot.isPresent { isComplete = false }
    return slot
  }

  private mutating func optional(_ name: String) -> FieldSlot {
    guard let slot = FieldSlot(format.field(name)) else { return .absent }
    use(slot)
    return slot
  }

  private mutating func use(_ slot: FieldSlot) {
    plan.minimumBytes = max(plan.minimumBytes, Int(slot.offset) + Int(slot.size))
  }
}

// Events about processes and address spaces: arch/x86/include/asm/trace/exceptions.h, include/trace/events/sched.h,
// kernel/trace/trace_syscalls.c.
extension PlanCompiler {
  private mutating func compileProcessColumns(_ kind: EventKind) {
    switch kind {
    case .pageFaultUser, .pageFaultKernel:
      plan.address = required("address")
      plan.requestedBytes = required("error_code")
      plan.allocatedBytes = optional("ip")
      compileExtra(.instruction, .field("ip"))
    case .schedProcessFork:
      plan.address = required("child_pid")
      plan.requestedBytes = required("parent_pid")
      compileName("child_comm")
    case .schedProcessExec:
      plan.address = required("pid")
      plan.requestedBytes = optional("old_pid")
      compileName("filename")
    case .schedProcessExit:
      plan.address = required("pid")
    case .syscallEnter, .syscallExit:
      compileCall(kind)
    default:
      break
    }
  }

  private mutating func compileCall(_ kind: EventKind) {
    let prefix = kind == .syscallEnter ? "sys_enter_" : "sys_exit_"
    let call = String(format.name.dropFirst(prefix.count))
    compileExtra(.name, .text(call))
    if kind == .syscallExit {
      plan.requestedBytes = required("ret")
      plan.requestedBytes.isSigned = false
      return
    }
    plan.address = firstOf("addr", "start", "brk")
    plan.requestedBytes = firstOf("len", "len_in", "old_len")
    plan.allocatedBytes = optional("new_len")
    if call == "mremap" {
      compileExtra(.remapFlags, .field("flags"))
    } else {
      compileExtra(.protection, .field(format.field("prot") != nil ? "prot" : "behavior"))
      compileExtra(.mapFlags, .field("flags"))
    }
    compileExtra(.descriptor, .field("fd"))
  }

  private mutating func firstOf(_ names: String...) -> FieldSlot {
    names.first { format.field($0) != nil }.map { optional($0) } ?? .absent
  }
}

// Events about reclaim, compaction and the OOM killer: include/trace/events/{vmscan,compaction,oom}.h.
extension PlanCompiler {
  private mutating func compileReclaimColumns(_ kind: EventKind) {
    switch kind {
    case .kswapdWake, .kswapdSleep, .kswapdWakeup, .kcompactdWakeup, .kcompactdWake, .kcompactdSleep:
      plan.node = required("nid")
      if kind != .kswapdSleep, kind != .kcompactdSleep { plan.order = required("order") }
      if kind == .kswapdWakeup, format.field("gfp_flags") != nil { compileGFP() }
    case .compactionSuitable, .compactionFinished, .compactionDefer:
      plan.node = required("nid")
      plan.order = required("order")
      compileExtra("zone", .name)
      plan.requestedBytes = kind == .compactionDefer ? required("considered") : required("ret")
      if kind == .compactionDefer { plan.allocatedBytes = required("defer_shift") }
    case .shrinkSlab:
      plan.node = optional("nid")
    case .lruShrinkInactive:
      plan.node = required("nid")
      plan.requestedBytes = required("nr_scanned")
      plan.allocatedBytes = required("nr_reclaimed")
    case .reclaimRetry:
      plan.node = required("node")
      plan.order = required("order")
      compileExtra("zone", .name)
      plan.requestedBytes = required("reclaimable")
      plan.allocatedBytes = required("available")
      plan.address = required("min_wmark")
      plan.migrateType = required("wmark_check")
    case .directReclaimBegin:
      plan.order = required("order")
      compileGFP()
    case .directReclaimEnd:
      plan.requestedBytes = required("nr_reclaimed")
    case .compactionBegin, .compactionEnd:
      plan.address = required("zone_start")
      plan.requestedBytes = required("migrate_pfn")
      plan.allocatedBytes = required("free_pfn")
      if kind == .compactionEnd { plan.order = optional("status") }
    case .compactionIsolateMigrate, .compactionIsolateFree:
      plan.address = optional("start_pfn")
      plan.requestedBytes = optional("end_pfn")
      plan.allocatedBytes = required("nr_taken")
    case .compactionMigrate:
      plan.requestedBytes = required("nr_migrated")
      plan.allocatedBytes = required("nr_failed")
    case .oomMarkVictim:
      plan.address = required("pid")
    case .oomScoreAdjust:
      plan.address = required("pid")
      plan.requestedBytes = required("oom_score_adj")
    default:
      break
    }
  }
}
