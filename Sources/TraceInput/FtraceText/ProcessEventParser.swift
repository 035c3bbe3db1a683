import KernelTypes
import TraceEvents

/// Reads the arguments of events about processes: page faults, forks, execs, exits, and calls that map memory.
///
/// Texts follow arch/x86/include/asm/trace/exceptions.h, include/trace/events/sched.h and kernel/trace/trace_syscalls.c
/// of Linux 3.13 to 6.12, and what libtraceevent makes of them.
struct ProcessEventParser {
  let strings: Texts
  private var cursor: Bytes
  private let end: Bytes
  var event: Event
  var trouble = NumberTrouble.none

  init(_ event: Event, strings: Texts, from cursor: Bytes, to end: Bytes) {
    self.event = event
    self.strings = strings
    self.cursor = cursor
    self.end = end
  }

  /// Reads all fields; `false` if a value is malformed or a field that the kind must have is missing.
  mutating func parse() -> Bool {
    switch event.kind {
    case .pageFaultUser, .pageFaultKernel: parseFault()
    case .schedProcessFork:
      decimal(" child_pid=", into: \.address) && text(" child_comm=", before: " child_pid=")
        && decimal(" pid=", into: \.requestedBytes)
    case .schedProcessExec:
      decimal(" pid=", into: \.address) && decimal(" old_pid=", into: \.requestedBytes)
        && text("filename=", before: " pid=")
    case .schedProcessExit: decimal(" pid=", into: \.address)
    case .syscallEnter, .syscallExit: parseCall()
    default: false
    }
  }

  // MARK: - Page faults

  private mutating func parseFault() -> Bool {
    var hasAddress = false
    var hasCode = false
    while cursor < end {
      cursor = cursor.skippingSpaces(before: end)
      let key = cursor.load4()
      if cursor.load8() == word8("address=") {
        cursor += 8
        let isNumber = pointer(into: \.address)
        if !isNumber { event.flags.insert(.unknownPointer) }
        hasAddress = true
      } else if key & 0xFF_FFFF == word4("ip= ") & 0xFF_FFFF {
        cursor += 3
        let start = cursor
        if !pointer(into: \.allocatedBytes) { event.callSite = strings.intern(start, count: cursor - start) }
      } else if cursor.load8() == word8("error_co"), cursor.load4(7) == word4("ode=") {
        cursor += 11
        hasCode = pointer(into: \.requestedBytes)
      } else {
        cursor = cursor.space(before: end)
      }
      if trouble != .none { return false }
    }
    return hasAddress && hasCode
  }

  /// A value such as `0x7f0012345678`, or a symbol, which is passed over; `false` for a symbol.
  private mutating func pointer(into field: WritableKeyPath<Event, UInt64>) -> Bool {
    let start = cursor
    cursor = start.space(before: end)
    var digits = start
    if cursor - start > 2, start.load2() == word2("0x") { digits += 2 }
    var problem = NumberTrouble.none
    let value = Numbers.hex(&digits, cursor, &problem)
    if digits < cursor || problem == .malformed { return false }
    if problem != .none { trouble = problem }
    event[keyPath: field] = value
    return true
  }

  // MARK: - Scheduler events

  /// Where the value of a key's last occurrence begins: names of tasks, which come first, may hold anything.
  private func value(of key: StaticString) -> Bytes? {
    let length = key.utf8CodeUnitCount
    var place = end - length
    while place >= cursor {
      var index = 0
      while index < length, place[index] == key.utf8Start[index] { index += 1 }
      if index == length { return place + length }
      place -= 1
    }
    return nil
  }

  private mutating func decimal(_ key: StaticString, into field: WritableKeyPath<Event, UInt64>) -> Bool {
    guard var place = value(of: key) else { return false }
    event[keyPath: field] = Numbers.decimal(&place, end, &trouble)
    return trouble == .none
  }

  private mutating func text(_ key: StaticString, before next: StaticString) -> Bool {
    guard let start = value(of: key), let behind = value(of: next) else { return false }
    let stop = behind - next.utf8CodeUnitCount
    guard start <= stop else { return false }
    event.name = strings.intern(from: start, to: stop)
    return true
  }

  // MARK: - System calls

  /// Reads `mmap(addr: 0, len: 1000, …)` or `mmap -> 0x7f…`, the name first.
  private mutating func parseCall() -> Bool {
    let start = cursor
    cursor = SystemCallText.endOfName(start, end)
    event.name = strings.intern(start, count: cursor - start)
    if event.kind == .syscallExit {
      while cursor < end, !cursor.pointee.isHexDigit { cursor += 1 }
      return number(into: \.requestedBytes)
    }
    while cursor < end {
      while cursor < end, !cursor.pointee.isKeyCharacter { cursor += 1 }
      let key = cursor
      cursor = key.first(UInt8(ascii: ":"), before: end)
      guard cursor < end else { break }
      let length = cursor - key
      cursor = (cursor + 1).skippingSpaces(before: end)
      if !argument(key, length) { return false }
      cursor = cursor.first(UInt8(ascii: ","), before: end)
    }
    return true
  }

  private mutating func argument(_ key: Bytes, _ length: Int) -> Bool {
    var value: UInt64 = 0
    func isKey(_ name: StaticString) -> Bool {
      guard length == name.utf8CodeUnitCount else { return false }
      for index in 0..<length where key[index] != name.utf8Start[index] { return false }
      return true
    }
    let low: UInt64 = 0xFFFF_FFFF
    if isKey("addr") || isKey("start") || isKey("brk") { return number(into: \.address) }
    if isKey("len") || isKey("len_in") || isKey("old_len") { return number(into: \.requestedBytes) }
    if isKey("new_len") { return number(into: \.allocatedBytes) }
    if isKey("prot") || isKey("behavior") {
      guard read(&value) else { return false }
      event.allocatedBytes = event.allocatedBytes & ~low | value & low
    } else if isKey("flags") {
      guard read(&value) else { return false }
      // mremap has its new length where others have protection and flags.
      event.order = UInt8(truncatingIfNeeded: value)
      if !strings.withBytes(of: event.name, { $0.elementsEqual("mremap".utf8) }) {
        event.allocatedBytes = event.allocatedBytes & low | value << 32
        event.order = 0
      }
    } else if isKey("fd") {
      guard read(&value) else { return false }
      event.node = Int16(clamping: Int32(truncatingIfNeeded: value))
    }
    return true
  }

  private mutating func number(into field: WritableKeyPath<Event, UInt64>) -> Bool {
    var value: UInt64 = 0
    guard read(&value) else { return false }
    event[keyPath: field] = value
    return true
  }

  /// Hexadecimal, with or without `0x`, as the kernel prints all arguments.
  private mutating func read(_ value: inout UInt64) -> Bool {
    if end - cursor > 2, cursor.load2() == word2("0x") { cursor += 2 }
    value = Numbers.hex(&cursor, end, &trouble)
    return trouble == .none
  }
}

/// Recognises the system calls that change an address space, in the spellings of the kernel and of libtraceevent.
enum SystemCallText {
  /// The calls by name.
  static let names: [[UInt8]] = [
    "mmap", "munmap", "mprotect", "mremap", "brk", "madvise", "mlock", "munlock",
  ].map { Array($0.utf8) }

  /// What `sys_mmap(…)`, `sys_mmap -> …`, `sys_enter_mmap: …` or `sys_exit_mmap: …` announces; `cursor` moves to the name.
  @inline(never)
  static func recognise(_ cursor: inout Bytes, _ end: Bytes) -> LineTopic {
    var name = cursor + 4
    var kind: EventKind?
    if EventNames.starts(name, end, with: Array("enter_".utf8)) {
      kind = .syscallEnter
      name += 6
    } else if EventNames.starts(name, end, with: Array("exit_".utf8)) {
      kind = .syscallExit
      name += 5
    }
    let behind = endOfName(name, end)
    guard behind < end, names.contains(where: { $0.count == behind - name && EventNames.starts(name, end, with: $0) })
    else { return .other }
    if kind == nil {
      switch behind.pointee {
      case UInt8(ascii: "("): kind = .syscallEnter
      case UInt8(ascii: " ") where EventNames.starts(behind, end, with: Array(" -> ".utf8)): kind = .syscallExit
      default: return .other
      }
    }
    guard let kind else { return .other }
    cursor = name
    return .event(kind)
  }

  static func endOfName(_ start: Bytes, _ end: Bytes) -> Bytes {
    var cursor = start
    while cursor < end, cursor.pointee.isKeyCharacter { cursor += 1 }
    return cursor
  }
}

extension UInt8 {
  fileprivate var isKeyCharacter: Bool {
    isDigit || (self | 0x20) &- UInt8(ascii: "a") < 26 || self == UInt8(ascii: "_")
  }
}
