import KernelTypes
import TraceEvents

/// Turns the records of trace events, as ring buffers and perf samples hold them, into rows of a batch.
///
/// A record begins with `common_type`, whose number leads to the event's format. Formats are compiled when their first
/// record comes. Texts (call sites, gfp flags, names of tasks) are made once for each distinct number and looked up from
/// then on. Everything a damaged record may say is checked against the record's own length.
///
/// One stream of records at a time: a stack trace belongs to the record before it. Whoever switches to the records of
/// another CPU says so with `startStream()`.
struct RecordDecoder: ~Copyable {
  /// What a record was.
  enum Outcome {
    /// A row was added.
    case event
    /// The stack trace of the row before, or one of user space.
    case stack
    /// A stack trace behind a record that has no row in this stream; its frames are in `lastFrames`.
    case strayStack
    /// An event that is only counted.
    case other
    /// Too short for its event, of a number without a format, or with values that can't be.
    case malformed
  }

  private static let idleName = "<idle>"
  private static let unknownName = "<...>"
  /// Frames kept of one stack trace, as for text.
  private static let frameLimit = 256
  // Numbers beyond these are not remembered any more: only damaged traces have so many.
  private static let tableLimit = 1 << 20

  let strings: Texts
  let stacks: StackTable
  private let catalogue: EventCatalogue
  let isSwapped: Bool
  private let namesTasks: Bool
  private let longSize: Int
  // By `common_type`: the plan's place, 0 if the event has not been met.
  private let index: UnsafeMutablePointer<UInt32>
  private var plans: UnsafeMutablePointer<DecodePlan>
  private var planCount = 1
  private var planCapacity = 64
  private var expressions: [PlanExpressions] = [PlanExpressions()]
  private var gfps: [PlanExpressions.GFP] = []
  private var callSites = AddressTable<UInt32>(filler: 0, minimumCapacity: 1024)
  private var functions = AddressTable<UInt32>(filler: 0)
  private var tasks = AddressTable<UInt32>(filler: 0, minimumCapacity: 256)
  private let lately = ShortTexts()
  // The identifier of the text, and above it whether it means `accounted`.
  private var gfpTexts = AddressTable<UInt64>(filler: 0, minimumCapacity: 256)
  // Names of numbers, as the members of rss_stat have.
  private var symbols = AddressTable<UInt32>(filler: 0)
  private var lastPID = Int32.min
  private var lastComm = StringID.none
  private var lastGFP: (key: UInt64, value: UInt64) = (.max, 0)
  private var classifiedGFP = IdentifierSet()
  // Whether the row before may get a stack trace.
  private(set) var awaitsStack = false
  private(set) var lastFrames: [StringID] = []
  private(set) var features: EraFeatures = []
  var otherEvents = OtherEvents()
  /// Stack traces without an event that they could belong to.
  var orphanStacks: UInt64 = 0

  /// A decoder of records with these formats; without `namesTasks` rows are left without the names of their tasks.
  init(_ catalogue: EventCatalogue, strings: StringInterner, stacks: StackTable, namesTasks: Bool = true) {
    self.catalogue = catalogue
    self.namesTasks = namesTasks
    self.strings = Texts(strings)
    self.stacks = stacks
    isSwapped = catalogue.byteOrder.isForeign
    longSize = catalogue.longSize
    index = .allocate(capacity: 1 << 16)
    index.initialize(repeating: 0, count: 1 << 16)
    plans = .allocate(capacity: planCapacity)
    plans.initialize(repeating: DecodePlan(), count: planCapacity)
  }

  deinit {
    index.deallocate()
    plans.deallocate()
  }

  /// Forgets the record before: the next one is of another CPU.
  mutating func startStream() { awaitsStack = false }

  /// Reads a record of `count` bytes; the batch must have room for a row.
  @inline(__always)
  mutating func decode(
    _ record: UnsafeRawPointer, count: Int, time: UInt64, cpu: UInt16, position: UInt64, into batch: inout EventBatch
  ) -> Outcome {
    isSwapped
      ? decodeForeign(record, count, time, cpu, position, &batch)
      : decode(record, count, time, cpu, position, &batch, swapped: false)
  }

  @inline(never)
  private mutating func decodeForeign(
    _ record: UnsafeRawPointer, _ count: Int, _ time: UInt64, _ cpu: UInt16, _ position: UInt64,
    _ batch: inout EventBatch
  ) -> Outcome {
    decode(record, count, time, cpu, position, &batch, swapped: true)
  }

  @inline(__always)
  private mutating func decode(
    _ record: UnsafeRawPointer, _ count: Int, _ time: UInt64, _ cpu: UInt16, _ position: UInt64,
    _ batch: inout EventBatch, swapped: Bool
  ) -> Outcome {
    guard count >= 2 else { return malformed() }
    let id = record.load16(0, swapped: swapped)
    var planIndex = Int(index[Int(id)])
    if planIndex == 0 { planIndex = prepare(id) }
    let plan = plans + planIndex
    guard count >= plan.pointee.minimumBytes else { return malformed() }
    guard plan.pointee.action == .event else {
      return decodeRare(planIndex, record, count, time, cpu, position, into: &batch)
    }
    let order = plan.pointee.loads.order.value(record, swapped: swapped)
    let migrateType = plan.pointee.loads.migrateType.bits(record, swapped: swapped)
    // Both are tiny in every kernel; so large a number is damage. An order of −1 means all (compaction by hand).
    if order &+ 1 > UInt64(UInt8.max) || migrateType > UInt64(UInt8.max) { return malformed() }
    var flags = plan.pointee.fixedFlags.union(.hasTask)
    var address = plan.pointee.loads.address.value(record, swapped: swapped)
    if address == plan.pointee.nullAddress {
      address = 0
      flags.formUnion(plan.pointee.nullFlags)
    }
    if plan.pointee.flagField.isPresent, plan.pointee.flagField.load(record, swapped: swapped) != 0 {
      flags.formUnion(plan.pointee.flag)
    }
    let row = batch.count
    batch.name[row] = .none
    if plan.pointee.text.isPresent {
      guard let name = name(plan.pointee.text, record, count) else { return malformed() }
      batch.name[row] = name
    }
    batch.callSite[row] = .none
    if plan.pointee.callSite.isPresent {
      batch.callSite[row] = callSite(plan.pointee.loads.callSite.bits(record, swapped: swapped))
    }
    batch.gfp[row] = .none
    if plan.pointee.gfp.isPresent {
      let gfp = gfpText(plan.pointee.loads.gfp.bits(record, swapped: swapped), table: plan.pointee.gfpTable)
      batch.gfp[row] = StringID(rawValue: UInt32(truncatingIfNeeded: gfp))
      if gfp >> 32 != 0 { flags.formUnion(.accounted) }
    }
    let pid = Int32(truncatingIfNeeded: plan.pointee.loads.pid.value(record, swapped: swapped))
    batch.pid[row] = pid
    if namesTasks { batch.comm[row] = comm(pid) }
    batch.time[row] = time
    batch.address[row] = address
    batch.requestedBytes[row] = plan.pointee.loads.requestedBytes.value(record, swapped: swapped)
    batch.allocatedBytes[row] = plan.pointee.loads.allocatedBytes.value(record, swapped: swapped)
    batch.position[row] = position
    batch.stack[row] = .none
    batch.node[row] = Int16(
      truncatingIfNeeded: plan.pointee.loads.node.value(record, swapped: swapped) | plan.pointee.loads.nodeIfAbsent)
    batch.cpu[row] = cpu
    batch.kind[row] = plan.pointee.kind
    batch.order[row] = UInt8(truncatingIfNeeded: order)
    batch.migrateType[row] = UInt8(truncatingIfNeeded: migrateType)
    batch.flags[row] = flags
    if plan.pointee.extras != 0 { computeExtras(plan.pointee.extras, record, row, in: &batch) }
    batch.count = row &+ 1
    awaitsStack = true
    return .event
  }

  @inline(never)
  private mutating func malformed() -> Outcome {
    awaitsStack = false
    return .malformed
  }

  /// The name of the event that a record says it is, for messages.
  func describe(_ record: UnsafeRawPointer, count: Int) -> String {
    guard count >= 2 else { return "a record of \(count) bytes" }
    let id = record.load16(0, swapped: isSwapped)
    if let name = catalogue.name(of: id) { return "a \(name) record of \(count) bytes" }
    return "a record of \(count) bytes of event \(id), which has no format"
  }
}

// What is made once for each distinct number.
extension RecordDecoder {
  @inline(never)
  private mutating func prepare(_ id: UInt16) -> Int {
    var plan = DecodePlan()
    var extra = PlanExpressions()
    if let format = catalogue.format(of: id) {
      (plan, extra) = PlanCompiler.compile(format)
      var name = format.name
      plan.name = name.withUTF8 { bytes in bytes.baseAddress.map { strings.intern($0, count: bytes.count) } ?? .none }
    } else {
      plan.action = .unreadable
    }
    if let gfp = extra.gfp {
      plan.gfpTable = gfps.firstIndex(of: gfp) ?? gfps.count
      if plan.gfpTable == gfps.count { gfps.append(gfp) }
    }
    features.formUnion(plan.features)
    if planCount == planCapacity { growPlans() }
    if !extra.extras.isEmpty { plan.extras = planCount }
    if plan.action == .event { plan.prepareLoads(swapped: isSwapped) }
    plans[planCount] = plan
    expressions.append(extra)
    index[Int(id)] = UInt32(planCount)
    planCount += 1
    return planCount - 1
  }

  private mutating func growPlans() {
    let larger = UnsafeMutablePointer<DecodePlan>.allocate(capacity: planCapacity * 2)
    larger.initialize(repeating: DecodePlan(), count: planCapacity * 2)
    larger.update(from: plans, count: planCount)
    plans.deallocate()
    plans = larger
    planCapacity *= 2
  }

  func intern(_ text: String) -> StringID {
    var text = text
    return text.withUTF8 { bytes in bytes.baseAddress.map { strings.intern($0, count: bytes.count) } ?? .none }
  }

  @inline(__always)
  private mutating func callSite(_ address: UInt64) -> StringID {
    if let known = callSites.value(address) { return StringID(rawValue: known) }
    return newCallSite(address)
  }

  @inline(never)
  private mutating func newCallSite(_ address: UInt64) -> StringID {
    let id: StringID
    if let symbol = catalogue.symbols?.callSite(address) {
      features.insert(.symbolicCallSites)
      id = intern(symbol)
    } else {
      features.insert(.rawCallSites)
      id = intern(String(address, radix: 16))
    }
    if callSites.count < Self.tableLimit { callSites.insert(address, id.rawValue) }
    return id
  }

  @inline(__always)
  private mutating func comm(_ pid: Int32) -> StringID {
    if pid == lastPID { return lastComm }
    lastPID = pid
    if let known = tasks.value(UInt64(UInt32(bitPattern: pid))) {
      lastComm = StringID(rawValue: known)
    } else {
      lastComm = newComm(pid)
    }
    return lastComm
  }

  @inline(never)
  private mutating func newComm(_ pid: Int32) -> StringID {
    let id = intern(catalogue.tasks[pid] ?? (pid == 0 ? Self.idleName : Self.unknownName))
    if tasks.count < Self.tableLimit { tasks.insert(UInt64(UInt32(bitPattern: pid)), id.rawValue) }
    return id
  }

  @inline(__always)
  private mutating func gfpText(_ flags: UInt64, table: Int) -> UInt64 {
    // Flags have at most some thirty bits, so the number of the table fits above them.
    let key = flags ^ UInt64(truncatingIfNeeded: table) << 56
    if key == lastGFP.key { return lastGFP.value }
    let value = gfpTexts.value(key) ?? newGFP(flags, table, key)
    lastGFP = (key, value)
    return value
  }

  @inline(never)
  private mutating func newGFP(_ flags: UInt64, _ table: Int, _ key: UInt64) -> UInt64 {
    let gfp = gfps[table]
    let lookup: (String) -> UInt64? = { $0 == gfp.field ? flags : nil }
    let id = intern(gfp.text.text(lookup) ?? "0x" + String(flags, radix: 16))
    if classifiedGFP.insert(id) {
      let (hasPlain, hasUnderscored) = strings.withBytes(of: id) { GFPSpelling.modifiers(in: $0) }
      if hasPlain { features.insert(.plainModifierNames) }
      if hasUnderscored { features.insert(.underscoreModifierNames) }
    }
    let isAccounted = gfp.accounted?.text(lookup) == "true"
    let value = UInt64(id.rawValue) | (isAccounted ? 1 << 32 : 0)
    if gfpTexts.count < Self.tableLimit { gfpTexts.insert(key, value) }
    return value
  }

  /// The text of a field up to its NUL; `nil` if it does not lie in the record.
  @inline(__always)
  private func name(_ slot: DecodePlan.TextSlot, _ record: UnsafeRawPointer, _ count: Int) -> StringID? {
    var offset = Int(slot.offset)
    var size = Int(slot.size)
    if slot.storage != .inline {
      let word = record.load32(offset, swapped: isSwapped)
      offset = Int(word & 0xFFFF) &+ (slot.storage == .relativeLocation ? offset &+ 4 : 0)
      size = Int(word >> 16)
    }
    guard offset &+ size <= count else { return nil }
    let start = record + offset
    if size >= 8, size <= ShortTexts.byteLimit { return lately.id(start, size: size) { text(start, limit: size) } }
    return text(start, limit: size)
  }

  @inline(__always)
  private func text(_ start: UnsafeRawPointer, limit: Int) -> StringID {
    let bytes = start.assumingMemoryBound(to: UInt8.self)
    var length = 0
    while length < limit, bytes[length] != 0 { length &+= 1 }
    return strings.intern(bytes, count: length)
  }
}

// Marks, stack traces, other events, and columns that are computed.
extension RecordDecoder {
  @inline(never)
  private mutating func decodeRare(
    _ planIndex: Int, _ record: UnsafeRawPointer, _ count: Int, _ time: UInt64, _ cpu: UInt16, _ position: UInt64,
    into batch: inout EventBatch
  ) -> Outcome {
    let plan = plans + planIndex
    switch plan.pointee.action {
    case .event, .unreadable:
      return malformed()
    case .mark, .storedMark:
      var event = Event(kind: .mark, time: time, cpu: cpu)
      event.position = position
      event.flags = .hasTask
      event.pid = Int32(truncatingIfNeeded: plan.pointee.pid.load(record, swapped: isSwapped))
      event.comm = comm(event.pid)
      event.name = markText(plan, record, count)
      batch.append(event)
      awaitsStack = true
      return .event
    case .kernelStack:
      return readStack(plan, record, count, into: &batch)
    case .userStack:
      return .stack
    case .other:
      awaitsStack = false
      otherEvents.count(plan.pointee.name)
      return .other
    }
  }

  private mutating func markText(
    _ plan: UnsafeMutablePointer<DecodePlan>, _ record: UnsafeRawPointer, _ count: Int
  ) -> StringID {
    if plan.pointee.action == .storedMark {
      let address = plan.pointee.address.load(record, swapped: isSwapped)
      let text = catalogue.printTexts[address] ?? "0x" + String(address, radix: 16)
      return intern(text.hasSuffix("\n") ? String(text.dropLast()) : text)
    }
    let offset = Int(plan.pointee.text.offset)
    let bytes = (record + offset).assumingMemoryBound(to: UInt8.self)
    var length = 0
    while length < count - offset, bytes[length] != 0 { length += 1 }
    // The kernel ends each text with a line feed, and its own.
    while length > 0, bytes[length - 1] == UInt8(ascii: "\n") { length -= 1 }
    return strings.intern(bytes, count: length)
  }

  // trace_stack_print in kernel/trace/trace_output.c: addresses up to the record's end or one with all bits set.
  private mutating func readStack(
    _ plan: UnsafeMutablePointer<DecodePlan>, _ record: UnsafeRawPointer, _ count: Int, into batch: inout EventBatch
  ) -> Outcome {
    let start = Int(plan.pointee.text.offset)
    var room = min((count - start) / longSize, Self.frameLimit)
    if plan.pointee.requestedBytes.isPresent {
      let said = plan.pointee.requestedBytes.load(record, swapped: isSwapped)
      room = min(room, Int(clamping: said))
    }
    let end: UInt64 = longSize == 4 ? UInt64(UInt32.max) : .max
    lastFrames.removeAll(keepingCapacity: true)
    for frame in 0..<max(room, 0) {
      let address = record.loadNumber(start + frame * longSize, size: longSize, isSigned: false, swapped: isSwapped)
      if address == end { break }
      lastFrames.append(self.frame(address))
    }
    guard awaitsStack, batch.count > 0 else {
      awaitsStack = false
      return .strayStack
    }
    awaitsStack = false
    batch.stack[batch.count - 1] = stacks.intern(lastFrames)
    return .stack
  }

  private mutating func frame(_ address: UInt64) -> StringID {
    if let known = functions.value(address) { return StringID(rawValue: known) }
    let id = intern(catalogue.symbols?.function(address) ?? "0x" + String(address, radix: 16))
    if functions.count < Self.tableLimit { functions.insert(address, id.rawValue) }
    return id
  }

  @inline(never)
  private mutating func computeExtras(
    _ extras: Int, _ record: UnsafeRawPointer, _ row: Int, in batch: inout EventBatch
  ) {
    for extra in expressions[extras].extras {
      let isSwapped = isSwapped
      let value: (String) -> UInt64? = { extra.slots[$0]?.load(record, swapped: isSwapped) }
      switch extra.column {
      case .flag(let flag):
        if let number = extra.value.number(value), number != 0 { batch.flags[row].formUnion(flag) }
      case .node:
        if let number = extra.value.number(value) { batch.node[row] = Int16(truncatingIfNeeded: number & 0xFF) }
      case .instruction:
        guard let address = extra.value.number(value), catalogue.symbols?.function(address) != nil else { break }
        batch.callSite[row] = frame(address)
        batch.allocatedBytes[row] = 0
      case .protection:
        if let number = extra.value.number(value) { batch.allocatedBytes[row] |= number & 0xFFFF_FFFF }
      case .mapFlags:
        if let number = extra.value.number(value) { batch.allocatedBytes[row] |= number << 32 }
      case .remapFlags:
        if let number = extra.value.number(value) { batch.order[row] = UInt8(truncatingIfNeeded: number) }
      case .descriptor:
        if let number = extra.value.number(value) {
          batch.node[row] = Int16(clamping: Int32(truncatingIfNeeded: number))
        }
      case .name:
        batch.name[row] = symbol(extra, extras, value)
      }
    }
  }

  private mutating func symbol(
    _ extra: PlanExpressions.Extra, _ extras: Int, _ value: (String) -> UInt64?
  ) -> StringID {
    // With one field its value says all; with more, each record is worked out anew.
    let slot = extra.slots.count == 1 ? extra.slots.first : nil
    let key = slot.flatMap { value($0.key) }.map { $0 ^ UInt64(truncatingIfNeeded: extras) << 48 }
    if let key, let known = symbols.value(key) { return StringID(rawValue: known) }
    let text = extra.value.text(value) ?? extra.value.number(value).map { String(Int64(bitPattern: $0)) }
    let id = text.map { intern($0) } ?? .none
    if let key, symbols.count < Self.tableLimit { symbols.insert(key, id.rawValue) }
    return id
  }
}
