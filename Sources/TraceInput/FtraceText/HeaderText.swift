import TraceEvents

/// Reads the few lines of a trace that are no events; a trace has a dozen of them, so plain strings do.
enum HeaderText {
  /// The rest of the line behind `key`, without surrounding spaces: `# tracer: nop`.
  static func value(of key: String, in text: String) -> String? {
    guard let range = find(key, in: text) else { return nil }
    let value = text.utf8[range.upperBound...].drop { $0 == UInt8(ascii: " ") }
    let trimmed = value.prefix { $0 > UInt8(ascii: " ") }
    return String(trimmed)
  }

  /// The decimal number right behind `key`, if it fits.
  static func number(after key: String, in text: String) -> Int? {
    guard let range = find(key, in: text) else { return nil }
    return integer(text.utf8[range.upperBound...]).map { Int(clamping: $0) }
  }

  /// `# entries-in-buffer/entries-written: 12/34` or, in latency format, `#12/34,`.
  static func entries(in text: String) -> (held: UInt64, written: UInt64)? {
    let start: String.Index
    if let range = find("entries-written:", in: text) {
      start = range.upperBound
    } else if find("# latency:", in: text) != nil, let range = find(" us, #", in: text) {
      start = range.upperBound
    } else {
      return nil
    }
    let rest = text.utf8[start...].drop { $0 == UInt8(ascii: " ") }
    let tail = rest.drop { $0.isDigit }
    guard let held = integer(rest), tail.first == UInt8(ascii: "/"), let written = integer(tail.dropFirst()) else {
      return nil
    }
    return (held, written)
  }

  /// The number of lost events a line reports: `CPU:1 [LOST 12 EVENTS]`, `CPU:1 [LOST EVENTS]` (the kernel),
  /// `CPU:1 [12 EVENTS DROPPED]`, `CPU:1 [EVENTS DROPPED]` (trace-cmd); 1 where no number is given.
  static func lostEvents(in text: String) -> UInt64? {
    guard find("CPU:", in: text) != nil, let bracket = find("[", in: text),
      find(" EVENTS", in: text) != nil
        || find("[EVENTS DROPPED]", in: text) != nil
    else { return nil }
    let inside = text.utf8[bracket.upperBound...]
    if let range = find("[LOST ", in: text) { return integer(text.utf8[range.upperBound...]) ?? 1 }
    if find("EVENTS DROPPED]", in: text) != nil { return integer(inside) ?? 1 }
    return nil
  }

  /// The lines with which `trace-cmd report` begins, or puts between events.
  static func isTraceCmd(_ text: String) -> Bool {
    (text.hasPrefix("cpus=") && text.dropFirst(5).first?.isNumber == true) || text.hasPrefix("version = ")
      || text.hasPrefix("CPU ") && text.hasSuffix(" is empty")
  }

  /// Lines around a trace that mean nothing: marks of dumps and of sub-buffers, and file names.
  static func isFrame(_ text: String) -> Bool {
    text.hasPrefix("Dumping ftrace buffer") || text.hasPrefix("-----") || find("[SUBBUFFER START]", in: text) != nil
      || find("(ftrace buffer empty)", in: text) != nil || text.utf8.allSatisfy { $0 == UInt8(ascii: " ") }
  }

  /// Whether a line begins like one of those that the functions here know; cheap, because junk may be long.
  static func mayBeSpecial(_ line: Bytes, _ end: Bytes) -> Bool {
    let start = line.skippingSpaces(before: end)
    return start == end || "CcvD-[(".utf8.contains(start.pointee)
  }

  /// Whether a line has the keys of kmem events.
  static func looksLikeKmem(_ line: Bytes, _ end: Bytes) -> Bool {
    var sign = line.first(UInt8(ascii: "="), before: end)
    while sign < end {
      for key in kmemKeys where sign - line >= key.count && EventNames.starts(sign - key.count, sign, with: key) {
        return true
      }
      sign = (sign + 1).first(UInt8(ascii: "="), before: end)
    }
    return false
  }

  private static let kmemKeys = ["call_site", "pfn", "bytes_req"].map { Array($0.utf8) }

  private static func integer(_ text: Substring.UTF8View) -> UInt64? {
    var value: UInt64 = 0
    var digits = 0
    for byte in text {
      guard byte.isDigit else { break }
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isStillTooLarge) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      if isTooLarge || isStillTooLarge { return nil }
      value = sum
      digits += 1
    }
    return digits > 0 ? value : nil
  }

  private static func find(_ needle: String, in text: String) -> Range<String.Index>? {
    let bytes = text.utf8
    let wanted = needle.utf8
    var start = bytes.startIndex
    while start != bytes.endIndex {
      if bytes[start...].starts(with: wanted) {
        return start..<bytes.index(start, offsetBy: wanted.count)
      }
      start = bytes.index(after: start)
    }
    return nil
  }
}

/// Tells how gfp modifiers are spelled in a `gfp_flags=` text.
enum GFPSpelling {
  // The modifiers that no kernel prints without underscores once it prints others with them are enough to tell.
  private static let plainModifiers: [[UInt8]] = [
    "GFP_ZERO", "GFP_COMP", "GFP_NOWARN", "GFP_NORETRY", "GFP_REPEAT", "GFP_NOMEMALLOC", "GFP_MEMALLOC",
    "GFP_HARDWALL", "GFP_THISNODE", "GFP_RECLAIMABLE", "GFP_MOVABLE", "GFP_NOTRACK", "GFP_WAIT", "GFP_IO", "GFP_HIGH",
    "GFP_COLD", "GFP_NOFAIL", "GFP_NO_KSWAPD", "GFP_OTHER_NODE",
  ].map { Array($0.utf8) }

  /// Whether the text has plain modifier names (`GFP_ZERO`) and underscored ones (`__GFP_ZERO`).
  static func modifiers(in text: UnsafeRawBufferPointer) -> (plain: Bool, underscored: Bool) {
    var result = (plain: false, underscored: false)
    for name in text.split(separator: UInt8(ascii: "|")) {
      if name.starts(with: "__GFP_".utf8) {
        result.underscored = true
      } else if plainModifiers.contains(where: { name.elementsEqual($0) }) {
        result.plain = true
      }
    }
    return result
  }
}

/// The text of a mark, without what the tools put in front of it.
enum MarkText {
  /// Where the text proper begins: trace-cmd prints `tracing_mark_write: TEXT` behind `print:`, or `0x…: TEXT` if it
  /// can't resolve the address; perf prints `ip=… TEXT` or the like.
  static func strip(_ start: Bytes, _ end: Bytes) -> Bytes {
    var cursor = start.skippingSpaces(before: end)
    for prefix in prefixes where EventNames.starts(cursor, end, with: prefix) {
      cursor += prefix.count
      if cursor < end, cursor.pointee == UInt8(ascii: " ") { cursor += 1 }
      return cursor
    }
    let isNamed = EventNames.starts(cursor, end, with: addressKey)
    var address = isNamed ? cursor + addressKey.count : cursor
    let hasSign = end - address > 2 && address.load2() == word2("0x")
    if hasSign { address += 2 }
    var trouble = NumberTrouble.none
    let digitsStart = address
    _ = Numbers.hex(&address, end, &trouble)
    guard trouble == .none, isNamed || hasSign || address - digitsStart == 16 else { return start }
    if address < end, address.pointee == UInt8(ascii: ":") { address += 1 } else if !isNamed { return start }
    if address < end, address.pointee == UInt8(ascii: " ") { address += 1 }
    return address
  }

  private static let prefixes = [Array("tracing_mark_write:".utf8)]
  private static let addressKey = Array("ip=".utf8)
}

/// The time stamp (and level and task) that the kernel log puts in front of each line of a dump.
enum LogPrefix {
  /// The time stamp `[   12.345678]` of a line, in nanoseconds; `nil` if it has none.
  static func time(_ line: Bytes, _ end: Bytes) -> UInt64? {
    var cursor = line
    if cursor.pointee == UInt8(ascii: "<") { cursor = (cursor.first(UInt8(ascii: ">"), before: end) + 1) }
    guard cursor < end, cursor.pointee == UInt8(ascii: "[") else { return nil }
    cursor = (cursor + 1).skippingSpaces(before: end)
    var trouble = NumberTrouble.none
    let seconds = Numbers.decimal(&cursor, end, &trouble)
    guard cursor < end, cursor.pointee == UInt8(ascii: ".") else { return nil }
    cursor += 1
    let start = cursor
    let fraction = Numbers.decimal(&cursor, end, &trouble)
    guard trouble == .none, cursor - start == 6, seconds < 1 << 32 else { return nil }
    return seconds * 1_000_000_000 + fraction * 1000
  }

  /// Whether a line says that the log lost messages: `** 12 printk messages dropped **`, `callbacks suppressed`.
  static func isLossReport(_ line: Bytes, _ end: Bytes) -> Bool {
    guard end - line > 3, line.load2() == word2("**") else { return false }
    let text = String(decoding: UnsafeBufferPointer(start: line, count: min(end - line, 80)), as: UTF8.self)
    return text.hasSuffix("messages dropped **") || text.hasSuffix("message dropped **")
  }

  /// The first byte behind `<4>`, `[   12.345678]` and `[    T1]` and the space after them; `line` if there are none.
  static func skip(_ line: Bytes, _ end: Bytes) -> Bytes {
    var cursor = line
    if cursor.pointee == UInt8(ascii: "<") {
      cursor = (cursor + 1).skippingDigits(before: end)
      if cursor == line + 1 || cursor == end || cursor.pointee != UInt8(ascii: ">") { return line }
      cursor += 1
    }
    guard cursor < end, cursor.pointee == UInt8(ascii: "[") else { return cursor }
    let seconds = (cursor + 1).skippingSpaces(before: end)
    let point = seconds.skippingDigits(before: end)
    guard point > seconds, point < end, point.pointee == UInt8(ascii: ".") else { return line }
    let bracket = (point + 1).skippingDigits(before: end)
    guard bracket < end, bracket.pointee == UInt8(ascii: "]") else { return line }
    cursor = bracket + 1
    // CONFIG_PRINTK_CALLER adds "[    T1]" or "[    C0]".
    if cursor < end, cursor.pointee == UInt8(ascii: "[") {
      let close = cursor.first(UInt8(ascii: "]"), before: end)
      if close < end { cursor = close + 1 }
    }
    if cursor < end, cursor.pointee == UInt8(ascii: " ") { cursor += 1 }
    return cursor
  }
}
