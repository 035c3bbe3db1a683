import KernelTypes
import TraceEvents

/// Turns `FtraceEvent` messages into events (protos/perfetto/trace/ftrace/{ftrace_event,kmem,sched,task}.proto).
///
/// Texts are made once for each distinct number and looked up from then on.
final class FtraceEventDecoder {
  enum Outcome {
    case event
    /// An event that is only counted, or only names a task.
    case other
    case malformed
  }

  // Numbers beyond these are not remembered any more: only damaged traces have so many.
  private static let tableLimit = 1 << 20

  let strings: StringInterner
  let names: TaskNames
  private let gfpBits: GFPBits?
  private var callSites = AddressTable<UInt32>(filler: 0, minimumCapacity: 1024)
  private var gfpTexts = AddressTable<UInt32>(filler: 0)
  private var members = AddressTable<UInt32>(filler: 0)
  var otherEvents = OtherEvents()
  /// Whether a pointer above 4 GiB was seen, and whether any was.
  private(set) var sawLongPointer = false
  private(set) var sawPointer = false

  init(strings: StringInterner, names: TaskNames, kernel: KernelVersion?) {
    self.strings = strings
    self.names = names
    gfpBits = kernel.flatMap { GFPBits($0) }
  }

  /// Reads one event; sets everything of `event` but its position, CPU and task's name.
  @inline(__always)
  func decode(_ message: WireCursor, into event: inout Event) -> Outcome {
    var message = message
    var time: UInt64 = 0
    var pid: Int32 = 0
    var outcome = Outcome.other
    event.kind = .mark
    while !message.isAtEnd {
      let key = message.varint()
      switch key {
      case fieldKey(1, WireCursor.WireType.varint): time = message.varint()
      case fieldKey(2, WireCursor.WireType.varint): pid = Int32(truncatingIfNeeded: message.varint())
      case fieldKey(3, WireCursor.WireType.bytes):
        readMark(message.bytes(), into: &event)
        outcome = .event
      default:
        guard key & 7 == WireCursor.WireType.bytes else {
          message.skip(key)
          continue
        }
        let payload = message.bytes()
        if let kind = Self.kind(key >> 3) {
          event = Event(kind: kind)
          outcome = read(payload, kind, into: &event)
        } else {
          outcome = readOther(key >> 3, payload)
        }
      }
    }
    if message.isDamaged { return .malformed }
    event.time = time
    event.pid = pid
    event.flags.formUnion(.hasTask)
    return outcome
  }

  /// The kmem events among the fields of `FtraceEvent`.
  @inline(__always)
  private static func kind(_ field: UInt64) -> EventKind? {
    switch field {
    case 298: .kfree
    case 299: .kmalloc
    case 300: .kmallocNode
    case 301: .kmemCacheAlloc
    case 302: .kmemCacheAllocNode
    case 303: .kmemCacheFree
    case 307: .mmPageAlloc
    case 308: .mmPageAllocExtfrag
    case 309: .mmPageAllocZoneLocked
    case 310: .mmPageFree
    case 311: .mmPageFreeBatched
    case 312: .mmPagePCPUDrain
    case 313: .rssStat
    default: nil
    }
  }

  /// The integer fields 1 to 7 of a message, which is all that kmem events have.
  private struct Numbers {
    var first: UInt64 = 0
    var second: UInt64 = 0
    var third: UInt64 = 0
    var fourth: UInt64 = 0
    var fifth: UInt64 = 0
    var sixth: UInt64 = 0
    var seventh: UInt64 = 0
    /// A bit for each field that is there.
    var seen: UInt64 = 0
    var isDamaged = false

    @inline(__always)
    init(_ message: WireCursor) {
      var message = message
      while !message.isAtEnd {
        let key = message.varint()
        guard key & 7 == WireCursor.WireType.varint else {
          message.skip(key)
          continue
        }
        let value = message.varint()
        let field = key >> 3
        switch field {
        case 1: first = value
        case 2: second = value
        case 3: third = value
        case 4: fourth = value
        case 5: fifth = value
        case 6: sixth = value
        case 7: seventh = value
        default: continue
        }
        seen |= 1 << field
      }
      isDamaged = message.isDamaged
    }

    @inline(__always)
    func has(_ field: UInt64) -> Bool { seen & (1 << field) != 0 }
  }

  @inline(__always)
  private func read(_ payload: WireCursor, _ kind: EventKind, into event: inout Event) -> Outcome {
    let numbers = Numbers(payload)
    if numbers.isDamaged { return .malformed }
    switch kind {
    case .kmalloc, .kmemCacheAlloc, .kmallocNode, .kmemCacheAllocNode:
      event.allocatedBytes = numbers.first
      event.requestedBytes = numbers.second
      event.callSite = callSite(numbers.third)
      event.gfp = gfp(numbers.fourth)
      let hasNode = kind == .kmallocNode || kind == .kmemCacheAllocNode
      if hasNode { event.node = Int16(truncatingIfNeeded: numbers.fifth) }
      event.address = hasNode ? numbers.sixth : numbers.fifth
      if event.address == 0 { event.flags.formUnion(.failed) }
      note(event.address)
      return numbers.has(hasNode ? 6 : 5) ? .event : .malformed
    case .kfree, .kmemCacheFree:
      event.callSite = callSite(numbers.first)
      event.address = numbers.second
      note(event.address)
      return numbers.has(2) ? .event : .malformed
    case .mmPageAlloc:
      event.gfp = gfp(numbers.first)
      return setPage(numbers.fourth, numbers.has(4), numbers.fifth, numbers.has(5), of: &event)
        && setBlock(order: numbers.third, migrateType: numbers.second, of: &event) ? .event : .malformed
    case .mmPageFree, .mmPageFreeDirect:
      return setPage(numbers.second, numbers.has(2), numbers.third, numbers.has(3), of: &event)
        && setBlock(order: numbers.first, migrateType: 0, of: &event) ? .event : .malformed
    case .mmPageFreeBatched:
      return setPage(numbers.second, numbers.has(2), numbers.third, numbers.has(3), of: &event) ? .event : .malformed
    case .mmPageAllocZoneLocked, .mmPagePCPUDrain:
      return setPage(numbers.third, numbers.has(3), numbers.fourth, numbers.has(4), of: &event)
        && setBlock(order: numbers.second, migrateType: numbers.first, of: &event) ? .event : .malformed
    case .mmPageAllocExtfrag:
      event.allocatedBytes = numbers.third
      event.requestedBytes = numbers.fourth
      if numbers.sixth != 0 { event.flags.formUnion(.changeOwnership) }
      return setPage(numbers.fifth, numbers.has(5), numbers.seventh, numbers.has(7), of: &event)
        && setBlock(order: numbers.second, migrateType: numbers.first, of: &event) ? .event : .malformed
    case .rssStat:
      event.name = member(numbers.first)
      event.requestedBytes = numbers.second
      if numbers.third != 0 { event.flags.formUnion(.changeOwnership) }
      event.address = numbers.fourth
      return .event
    default:
      return .other
    }
  }

  /// The page frame of an event. Kernels before 4.1 give the address of a `struct page` instead, which tells pages apart
  /// but not where they lie.
  @inline(__always)
  private func setPage(
    _ page: UInt64, _ hasPage: Bool, _ frame: UInt64, _ hasFrame: Bool, of event: inout Event
  ) -> Bool {
    if hasFrame {
      // -1 stands for no page (include/trace/events/kmem.h).
      let isNone = frame == .max || frame == UInt64(UInt32.max)
      event.address = isNone ? 0 : frame
      if isNone || hasPage && page == 0, event.kind == .mmPageAlloc { event.flags.formUnion(.failed) }
      return true
    }
    event.address = page
    event.flags.formUnion(.hashedPointer)
    if page == 0, event.kind == .mmPageAlloc { event.flags.formUnion(.failed) }
    return hasPage
  }

  /// Both are tiny in every kernel; so large a number is damage.
  @inline(__always)
  private func setBlock(order: UInt64, migrateType: UInt64, of event: inout Event) -> Bool {
    event.order = UInt8(truncatingIfNeeded: order)
    event.migrateType = UInt8(truncatingIfNeeded: migrateType)
    return order | migrateType <= UInt64(UInt8.max)
  }

  @inline(__always)
  private func note(_ pointer: UInt64) {
    // ZERO_SIZE_PTR and NULL tell nothing.
    if pointer >> 32 != 0 { sawLongPointer = true } else if pointer > 0x10 { sawPointer = true }
  }

  @inline(__always)
  private func callSite(_ address: UInt64) -> StringID {
    if let known = callSites.value(address) { return StringID(rawValue: known) }
    let id = strings.intern("0x" + String(address, radix: 16))
    if callSites.count < Self.tableLimit { callSites.insert(address, id.rawValue) }
    return id
  }

  @inline(__always)
  private func gfp(_ flags: UInt64) -> StringID {
    if let known = gfpTexts.value(flags) { return StringID(rawValue: known) }
    let id = strings.intern(gfpBits?.text(flags) ?? "0x" + String(flags, radix: 16))
    if gfpTexts.count < Self.tableLimit { gfpTexts.insert(flags, id.rawValue) }
    return id
  }

  // TRACE_MM_PAGES in include/trace/events/kmem.h, and the numbers of include/linux/mm_types_task.h.
  private static let memberNames = ["MM_FILEPAGES", "MM_ANONPAGES", "MM_SWAPENTS", "MM_SHMEMPAGES"]

  private func member(_ number: UInt64) -> StringID {
    if let known = members.value(number) { return StringID(rawValue: known) }
    let name =
      number < UInt64(Self.memberNames.count) ? Self.memberNames[Int(number)] : String(Int64(bitPattern: number))
    let id = strings.intern(name)
    if members.count < Self.tableLimit { members.insert(number, id.rawValue) }
    return id
  }

  private func readMark(_ payload: WireCursor, into event: inout Event) {
    var payload = payload
    event = Event(kind: .mark)
    while !payload.isAtEnd {
      let key = payload.varint()
      if key == fieldKey(2, WireCursor.WireType.bytes) {
        let text = payload.bytes()
        var end = text.end
        while end > text.next, end[-1] == UInt8(ascii: "\n") { end -= 1 }
        event.name = strings.intern(text.next, count: end - text.next)
      } else {
        payload.skip(key)
      }
    }
  }
}

// Events that are not kept: the scheduler's name the tasks.
extension FtraceEventDecoder {
  private static let schedSwitch: UInt64 = 4
  private static let newTask: UInt64 = 235
  private static let taskRename: UInt64 = 236

  @inline(never)
  private func readOther(_ field: UInt64, _ payload: WireCursor) -> Outcome {
    switch field {
    case Self.schedSwitch: readNames(payload, [(2, 1), (6, 5)])
    case Self.newTask: readNames(payload, [(1, 2)])
    case Self.taskRename: readNames(payload, [(1, 3)])
    default: break
    }
    otherEvents.count(strings.intern(Self.name(field)))
    return .other
  }

  /// Sets the names of tasks that a message gives: fields with the number, fields with the name.
  private func readNames(_ payload: WireCursor, _ pairs: [(thread: UInt64, name: UInt64)]) {
    for pair in pairs {
      var message = payload
      var thread: Int32?
      var name: WireCursor?
      while !message.isAtEnd {
        let key = message.varint()
        switch key {
        case fieldKey(pair.thread, WireCursor.WireType.varint): thread = Int32(truncatingIfNeeded: message.varint())
        case fieldKey(pair.name, WireCursor.WireType.bytes): name = message.bytes()
        default: message.skip(key)
        }
      }
      if let thread, let name { names.set(thread, name) }
    }
  }

  private static func name(_ field: UInt64) -> String {
    switch field {
    case schedSwitch: "sched_switch"
    case newTask: "task_newtask"
    case taskRename: "task_rename"
    default: "FtraceEvent field \(field)"
    }
  }

  /// Counts an event of another kind that a bundle has in its compact form, and the names in it.
  ///
  /// ftrace_event_bundle.proto, `CompactSched`: `intern_table` 5, packed `switch_next_pid` 3 and
  /// `switch_next_comm_index` 6.
  func readCompactSched(_ payload: WireCursor) {
    var message = payload
    var table: [WireCursor] = []
    var pids = WireCursor(payload.end, payload.end)
    var indices = pids
    while !message.isAtEnd {
      let key = message.varint()
      switch key {
      case fieldKey(5, WireCursor.WireType.bytes): table.append(message.bytes())
      case fieldKey(3, WireCursor.WireType.bytes): pids = message.bytes()
      case fieldKey(6, WireCursor.WireType.bytes): indices = message.bytes()
      default: message.skip(key)
      }
    }
    let schedSwitch = strings.intern(Self.name(Self.schedSwitch))
    while !pids.isAtEnd {
      let pid = Int32(truncatingIfNeeded: pids.varint())
      let index = indices.varint()
      if !indices.isDamaged, index < UInt64(table.count) { names.set(pid, table[Int(index)]) }
      otherEvents.count(schedSwitch)
    }
  }
}
