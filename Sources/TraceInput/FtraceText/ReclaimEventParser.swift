import KernelTypes
import TraceEvents

/// Reads the arguments of events about reclaim, compaction and the OOM killer.
///
/// Texts follow include/trace/events/{vmscan,compaction,oom}.h of Linux 3.5 to 6.12.
struct ReclaimEventParser {
  let strings: Texts
  private let start: Bytes
  private let end: Bytes
  var event: Event
  var trouble = NumberTrouble.none

  init(_ event: Event, strings: Texts, from cursor: Bytes, to end: Bytes) {
    self.event = event
    self.strings = strings
    start = cursor
    self.end = end
  }

  /// Reads all fields; `false` if a value is malformed or a field that the kind must have is missing.
  mutating func parse() -> Bool {
    switch event.kind {
    case .kswapdWake: node("nid=") && order()
    case .kswapdSleep: node("nid=")
    case .kswapdWakeup: node("nid=") && order() && gfp(isRequired: false)
    case .directReclaimBegin: order() && gfp(isRequired: true)
    case .directReclaimEnd: number("nr_reclaimed=", into: \.requestedBytes)
    case .compactionBegin, .compactionEnd:
      number("zone_start=", into: \.address) && number("migrate_pfn=", into: \.requestedBytes)
        && number("free_pfn=", into: \.allocatedBytes)
    case .compactionSuitable: node("node=") && order()
    case .compactionIsolateMigrate, .compactionIsolateFree:
      number("nr_scanned=", into: \.requestedBytes) && number("nr_taken=", into: \.allocatedBytes)
    case .compactionMigrate:
      number("nr_migrated=", into: \.requestedBytes) && number("nr_failed=", into: \.allocatedBytes)
    case .oomMarkVictim: number("pid=", into: \.address)
    case .oomScoreAdjust: number("pid=", into: \.address) && number("oom_score_adj=", into: \.requestedBytes)
    default: false
    }
  }

  /// Where a key's value begins: behind its first occurrence at the beginning of a word.
  private func value(of key: StaticString) -> Bytes? {
    let length = key.utf8CodeUnitCount
    var place = start
    while end - place > length {
      if place == start || place[-1] == UInt8(ascii: " ") || place[-1] == UInt8(ascii: "(") {
        var index = 0
        while index < length, place[index] == key.utf8Start[index] { index += 1 }
        if index == length { return place + length }
      }
      place += 1
    }
    return nil
  }

  /// A decimal number, perhaps negative, or a hexadecimal one with `0x`.
  private mutating func number(_ key: StaticString) -> UInt64? {
    guard var place = value(of: key) else { return nil }
    let isNegative = place.pointee == UInt8(ascii: "-")
    if isNegative { place += 1 }
    let number: UInt64
    if end - place > 2, place.load2() == word2("0x") {
      place += 2
      number = Numbers.hex(&place, end, &trouble)
    } else {
      number = Numbers.decimal(&place, end, &trouble)
    }
    return trouble == .none ? isNegative ? 0 &- number : number : nil
  }

  private mutating func number(_ key: StaticString, into field: WritableKeyPath<Event, UInt64>) -> Bool {
    guard let number = number(key) else { return false }
    event[keyPath: field] = number
    return true
  }

  private mutating func node(_ key: StaticString) -> Bool {
    guard let number = number(key) else { return false }
    event.node = Int16(truncatingIfNeeded: number)
    return true
  }

  private mutating func order() -> Bool {
    guard let number = number("order=") else { return false }
    // No order at all is −1.
    event.order = UInt8(truncatingIfNeeded: number)
    return true
  }

  private mutating func gfp(isRequired: Bool) -> Bool {
    guard let place = value(of: "gfp_flags=") else { return !isRequired }
    event.gfp = strings.intern(from: place, to: place.space(before: end))
    return true
  }
}
