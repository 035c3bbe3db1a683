import TraceEvents

/// What went wrong or missing in a page, and where.
struct RingPageOutcome {
  /// Why a page could not be read to its end.
  enum Damage {
    /// The page says that it has more data than a page can.
    case length(Int)
    /// An event's length leads out of the page's data.
    case event
    /// The input ends in the page.
    case cut
  }

  /// Events lost before the page: nothing was lost if `nil`, and 0 if the kernel didn't count.
  var lostEvents: UInt64?
  var damage: Damage?
  /// Where the damage is, in bytes from the page's start.
  var damageOffset = 0
  /// Records that could not be read, and the first of them in bytes from the page's start.
  var malformed = 0
  var firstMalformed = 0
  /// Events of all kinds.
  var records = 0
  /// Whether the page's first record is a stack trace, which belongs to the page before.
  var startsWithStack = false
}

/// Reads ring-buffer pages (sub-buffers): include/linux/ring_buffer.h and kernel/trace/ring_buffer.c, Linux 2.6.31 to 6.12.
extension RecordDecoder {
  private static let lengthMask: UInt64 = (1 << 27) - 1
  // Time stamps carry 59 bits; the others come from the time so far (rb_fix_abs_ts).
  private static let timeStampMask: UInt64 = 0xF8 << 56

  /// The rows that a page of `count` bytes may need, whatever is in it: an event has a header and at least one word.
  static func rowLimit(pageBytes count: Int) -> Int { count / 8 + 1 }

  /// Reads the events of one page of `count` bytes into `batch`, which has room for `rowLimit(pageBytes:)` more rows.
  ///
  /// `count` is less than the layout's page size where the input ends early.
  mutating func decodePage(
    _ page: UnsafeRawPointer, count: Int, layout: PageHeaderFormat, cpu: UInt16, position: UInt64,
    into batch: inout EventBatch
  ) -> RingPageOutcome {
    var outcome = RingPageOutcome()
    let swapped = isSwapped
    let dataOffset = layout.dataOffset
    guard count >= dataOffset else {
      outcome.damage = .cut
      return outcome
    }
    var time = page.load64(layout.timeOffset, swapped: swapped)
    let commit = page.loadNumber(layout.commitOffset, size: layout.commitSize, isSigned: false, swapped: swapped)
    let length = Int(commit & Self.lengthMask)
    guard length <= layout.dataSize else {
      outcome.damage = .length(length)
      outcome.damageOffset = layout.commitOffset
      return outcome
    }
    if commit & 1 << 31 != 0 {
      let place = dataOffset + length
      let isStored = commit & 1 << 30 != 0 && place + layout.commitSize <= count
      outcome.lostEvents =
        isStored ? page.loadNumber(place, size: layout.commitSize, isSigned: false, swapped: swapped) : 0
      startStream()
    }
    let end = min(dataOffset + length, count)
    if end < dataOffset + length { outcome.damage = .cut }
    var cursor = dataOffset
    let isBig = swapped != (ByteOrder.host == .big)
    while cursor &+ 4 <= end {
      let word = page.load32(cursor, swapped: swapped)
      let type = isBig ? word >> 27 : word & 31
      let delta = UInt64(isBig ? word & 0x7FF_FFFF : word >> 5)
      var start = cursor &+ 4
      var size = Int(type) &* 4
      var next = start &+ size
      if type == 0 || type > 28 {
        if type == 29, delta == 0 { break }
        guard cursor &+ 8 <= end else { return finish(&outcome, damagedAt: cursor) }
        let second = UInt64(page.load32(cursor &+ 4, swapped: swapped))
        switch type {
        case 0:
          start = cursor &+ 8
          size = Int(second) &- 4
          next = cursor &+ 4 &+ (Int(second) &+ 3) & ~3
          guard size > 0, next <= end else { return finish(&outcome, damagedAt: cursor) }
        case 29:
          time &+= delta
          next = cursor &+ 4 &+ Int(second)
          guard second >= 4, next <= end else { return finish(&outcome, damagedAt: cursor) }
          cursor = next
          continue
        case 30:
          time &+= second << 27 &+ delta
          cursor &+= 8
          continue
        default:
          let stamp = second << 27 &+ delta
          let absolute = stamp | time & Self.timeStampMask
          // The 59 bits have run over since (rb_fix_abs_ts).
          time = absolute < time && time & Self.timeStampMask != 0 ? absolute &+ 1 << 59 : absolute
          cursor &+= 8
          continue
        }
      }
      guard next <= end else { return finish(&outcome, damagedAt: cursor) }
      time &+= delta
      switch decode(
        page + start, count: size, time: time, cpu: cpu, position: position &+ UInt64(truncatingIfNeeded: cursor),
        into: &batch)
      {
      case .event, .stack, .other: break
      case .strayStack: if outcome.records == 0 { outcome.startsWithStack = true }
      case .malformed:
        if outcome.malformed == 0 { outcome.firstMalformed = cursor }
        outcome.malformed &+= 1
      }
      outcome.records &+= 1
      cursor = next
    }
    if outcome.damage != nil { outcome.damageOffset = cursor }
    return outcome
  }

  private func finish(_ outcome: inout RingPageOutcome, damagedAt offset: Int) -> RingPageOutcome {
    // Where the input ends, the last event is cut and not damaged.
    if outcome.damage == nil { outcome.damage = .event }
    outcome.damageOffset = offset
    return outcome
  }
}
