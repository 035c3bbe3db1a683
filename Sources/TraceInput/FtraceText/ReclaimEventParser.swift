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
    case .kswapdWake, .kcompactdWakeup, .kcompactdWake: node("nid=") && order()
    case .kswapdSleep, .kcompactdSleep: node("nid=")
    case .kswapdWakeup: node("nid=") && order() && gfp(isRequired: false)
    case .directReclaimBegin: order() && gfp(isRequired: true)
    case .directReclaimEnd: number("nr_reclaimed=", into: \.requestedBytes)
    case .compactionBegin, .compactionEnd:
      number("zone_start=", into: \.address) && number("migrate_pfn=", into: \.requestedBytes)
        && number("free_pfn=", into: \.allocatedBytes) && status()
    case .compactionSuitable, .compactionFinished: node("node=") && order() && zone() && result()
    case .compactionDefer: node("node=") && order() && zone() && deferral()
    case .shrinkSlab: shrinkNode()
    case .lruShrinkInactive:
      node("nid=") && number("nr_scanned=", into: \.requestedBytes)
        && number("nr_reclaimed=", into: \.allocatedBytes)
    case .reclaimRetry:
      node("node=") && order() && zone() && number("reclaimable=", into: \.requestedBytes)
        && number("available=", into: \.allocatedBytes) && number("min_wmark=", into: \.address) && check()
    case .compactionIsolateMigrate, .compactionIsolateFree:
      range() && number("nr_taken=", into: \.allocatedBytes)
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

  /// Its text is not of the usual form, and kernels before 3.12 have no node.
  private mutating func shrinkNode() -> Bool {
    if let number = number("nid: ") { event.node = Int16(truncatingIfNeeded: number) }
    return true
  }

  private mutating func zone() -> Bool {
    guard let place = value(of: "zone=") else { return false }
    event.name = strings.intern(from: place, to: place.space(before: end))
    return true
  }

  /// Names and numbers of `enum compact_result`. Follows include/linux/compaction.h, Linux 4.9 to 6.12.
  private static let results: [(name: [UInt8], number: UInt64)] = [
    "not_suitable_zone", "skipped", "deferred", "no_suitable_page", "continue", "complete", "partial_skipped",
    "contended", "success",
  ].enumerated().map { (Array($1.utf8), UInt64($0)) }

  private func result(at place: Bytes) -> UInt64? {
    let length = place.space(before: end) - place
    return Self.results.first { $0.name.count == length && EventNames.starts(place, end, with: $0.name) }?.number
  }

  private mutating func result() -> Bool {
    // Kernels before 4.7 print another enumeration's names; what they mean is not asked for.
    guard let place = value(of: "ret=") else { return false }
    event.requestedBytes = result(at: place) ?? .max
    return true
  }

  private mutating func status() -> Bool {
    guard event.kind == .compactionEnd, let place = value(of: "status=") else { return true }
    event.order = UInt8(truncatingIfNeeded: result(at: place) ?? 0xFF)
    return true
  }

  private mutating func deferral() -> Bool {
    guard number("consider=", into: \.requestedBytes), let limit = number("limit="), limit > 0 else { return false }
    event.allocatedBytes = UInt64(63 - limit.leadingZeroBitCount)
    return true
  }

  private mutating func check() -> Bool {
    guard let isMet = number("wmark_check=") else { return false }
    event.migrateType = UInt8(truncatingIfNeeded: isMet)
    return true
  }

  /// Where pages were isolated; kernels before 4.1 don't say.
  private mutating func range() -> Bool {
    if value(of: "range=(") == nil { return true }
    return number("range=(", into: \.address) && number("~ ", into: \.requestedBytes)
  }

  private mutating func gfp(isRequired: Bool) -> Bool {
    guard let place = value(of: "gfp_flags=") else { return !isRequired }
    event.gfp = strings.intern(from: place, to: place.space(before: end))
    return true
  }
}
