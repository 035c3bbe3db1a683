import KernelTypes
import TraceEvents

/// Reads the `key=value` arguments of an event, in any order.
///
/// Keys nobody knows are passed over, so that fields of later kernels do no harm. Texts follow the `TP_printk` formats
/// of include/trace/events/kmem.h from 2.6.31 to 6.18 and what libtraceevent makes of them.
struct FieldParser: ~Copyable {
  let strings: Texts
  var cursor: Bytes
  let end: Bytes
  var event: Event
  var seen = FieldSet(rawValue: 0)
  var features = EraFeatures(rawValue: 0)
  var spelling = PointerSpelling.unknown
  var trouble = NumberTrouble.none
  private var page: UInt64 = 1

  @inline(__always)
  init(_ event: Event, strings: Texts, from cursor: Bytes, to end: Bytes) {
    self.event = event
    self.strings = strings
    self.cursor = cursor
    self.end = end
  }

  /// Reads all fields; `false` if a value is malformed or a field that the kind must have is missing.
  @inline(__always)
  mutating func parse() -> Bool {
    guard parseFields() else { return false }
    finish()
    return seen.isSuperset(of: FieldSet.required(of: event.kind))
  }

  /// Reads the fields that are there; `false` if a value is malformed.
  @inline(__always)
  mutating func parseFields() -> Bool {
    while cursor < end {
      if cursor.pointee == UInt8(ascii: " ") {
        cursor += 1
        continue
      }
      field()
      if trouble != .none { return false }
    }
    return true
  }

  // Keys are told apart by their first character, then compared eight characters at a time.
  @inline(__always)
  private mutating func field() {
    let word = cursor.load8()
    switch cursor.pointee {
    case UInt8(ascii: "c"):
      if word == word8("call_sit"), cursor.load2(8) == word2("e=") { return callSite() }
      if cursor.load4() == word4("curr"), cursor[4] == UInt8(ascii: "=") { return flag(5, .changeOwnership) }
      if word == word8("change_o"), cursor.load8(8) == word8("wnership"), cursor[16] == UInt8(ascii: "=") {
        return flag(17, .changeOwnership)
      }
      if cursor.load4() == word4("cold"), cursor[4] == UInt8(ascii: "=") { features.insert(.coldBatchedFrees) }
    case UInt8(ascii: "p"):
      let half = cursor.load4()
      if half == word4("ptr=") { return pointer() }
      if half == word4("pfn=") { return frame() }
      if half == word4("page"), cursor[4] == UInt8(ascii: "=") { return pagePointer() }
      if word == word8("percpu_r"), cursor.load4(8) == word4("efil"), cursor.load2(12) == word2("l=") {
        return flag(14, .perCPURefill)
      }
      if word == word8("pagebloc"), cursor.load8(8) == word8("k_order=") { return pageblockOrder() }
    case UInt8(ascii: "b"):
      if word == word8("bytes_re"), cursor.load2(8) == word2("q=") {
        event.requestedBytes = number(10, .requestedBytes)
        return
      }
      if word == word8("bytes_al"), cursor.load4(8) == word4("loc=") {
        event.allocatedBytes = number(12, .allocatedBytes)
        return
      }
    case UInt8(ascii: "g"):
      if word == word8("gfp_flag"), cursor.load2(8) == word2("s=") { return gfp() }
    case UInt8(ascii: "n"):
      if cursor.load4() == word4("node"), cursor[4] == UInt8(ascii: "=") { return node() }
      if cursor.load4() == word4("name"), cursor[4] == UInt8(ascii: "=") { return cacheName() }
    case UInt8(ascii: "a"):
      if word == word8("accounte"), cursor.load2(8) == word2("d=") { return accounted() }
      if word == word8("alloc_or"), cursor.load4(8) == word4("der=") { return order(12) }
      if word == word8("alloc_mi"), cursor.load8(8) == word8("gratetyp"), cursor.load2(16) == word2("e=") {
        return migrateType(18)
      }
    case UInt8(ascii: "o"):
      if cursor.load4() == word4("orde"), cursor.load2(4) == word2("r=") { return order(6) }
    case UInt8(ascii: "m"):
      if word == word8("migratet"), cursor.load4(8) == word4("ype=") { return migrateType(12) }
      if cursor.load4() == word4("mm_i"), cursor.load2(4) == word2("d=") {
        event.address = number(6, .addressSpace)
        return
      }
      if cursor.load4() == word4("memb"), cursor.load4(3) == word4("ber=") { return member(7) }
    case UInt8(ascii: "t"):
      if cursor.load4() == word4("type"), cursor[4] == UInt8(ascii: "=") { return member(5) }
    case UInt8(ascii: "s"):
      if cursor.load4() == word4("size"), cursor[4] == UInt8(ascii: "=") { return size() }
    case UInt8(ascii: "f"):
      if word == word8("fallback"), cursor.load4(8) == word4("_ord"), cursor.load4(11) == word4("der=") {
        event.requestedBytes = number(15, .fallbackOrder)
        return
      }
      if word == word8("fallback"), cursor.load8(8) == word8("_migrate"), cursor.load4(16) == word4("type"),
        cursor[20] == UInt8(ascii: "=")
      {
        event.allocatedBytes = number(21, .fallbackType)
        return
      }
      if word == word8("fragment"), cursor.load4(8) == word4("ing=") { return flag(12, .fragmenting) }
    case UInt8(ascii: "("):
      // trace-cmd's plug-in for kmem repeats the call site in front: "(getname_flags+0x24) call_site=…".
      cursor = cursor.first(UInt8(ascii: ")"), before: end)
      if cursor < end { cursor += 1 }
      return
    default:
      break
    }
    cursor = cursor.space(before: end)
  }

  @inline(__always)
  private mutating func finish() {
    switch event.kind {
    case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode:
      if event.address == 0, seen.contains(.pointer), !event.flags.contains(.unknownPointer) {
        event.flags.insert(.failed)
      }
    case .mmPageAlloc:
      // The page tells, not the frame: kernels before 4.1 print a garbage frame for a NULL page.
      if seen.contains(.page) ? page == 0 : event.address == 0 { event.flags.insert(.failed) }
    default:
      break
    }
  }

  /// Whether the value that ends at `cursor` is followed by a space or the end; otherwise it is malformed.
  @inline(__always)
  private mutating func endValue(_ field: FieldSet) {
    if cursor < end, cursor.pointee != UInt8(ascii: " "), trouble == .none { trouble = .malformed }
    seen.insert(field)
  }

  @inline(__always)
  private mutating func number(_ keyLength: Int, _ field: FieldSet) -> UInt64 {
    cursor += keyLength
    let value = Numbers.decimal(&cursor, end, &trouble)
    endValue(field)
    return value
  }

  @inline(__always)
  private mutating func smallNumber(_ keyLength: Int, _ field: FieldSet) -> UInt8 {
    let value = number(keyLength, field)
    if value > UInt64(UInt8.max), trouble == .none { trouble = .overflow }
    return UInt8(truncatingIfNeeded: value)
  }

  @inline(__always)
  private mutating func text(_ keyLength: Int, _ field: FieldSet) -> StringID {
    let start = cursor + keyLength
    cursor = start.space(before: end)
    seen.insert(field)
    return strings.intern(start, count: cursor - start)
  }

  @inline(__always)
  private mutating func order(_ keyLength: Int) { event.order = smallNumber(keyLength, .order) }

  @inline(__always)
  private mutating func migrateType(_ keyLength: Int) { event.migrateType = smallNumber(keyLength, .migrateType) }

  private mutating func pageblockOrder() { event.node = Int16(smallNumber(16, FieldSet(rawValue: 0))) }

  private mutating func member(_ keyLength: Int) { event.name = text(keyLength, .member) }

  @inline(__always)
  private mutating func flag(_ keyLength: Int, _ flag: EventFlags) {
    if number(keyLength, FieldSet(rawValue: 0)) != 0 { event.flags.insert(flag) } else { event.flags.remove(flag) }
  }
}

// The fields with a spelling of their own.
extension FieldParser {
  @inline(__always)
  private mutating func callSite() {
    let start = cursor + 10
    cursor = start.space(before: end)
    if cursor == start, trouble == .none { trouble = .malformed }
    features.insert(CallSites.isRaw(start, cursor) ? .rawCallSites : .symbolicCallSites)
    // "symbol+0x10/0x20 [module]"
    if end - cursor > 2, cursor.load2() == word2(" [") {
      let bracket = (cursor + 2).first(UInt8(ascii: "]"), before: end)
      if bracket < end { cursor = bracket + 1 }
    }
    event.callSite = strings.intern(start, count: cursor - start)
    seen.insert(.callSite)
  }

  @inline(__always)
  private mutating func pointer() {
    cursor += 4
    event.flags.remove(.hashedPointer)
    event.flags.remove(.unknownPointer)
    event.address = address()
    if spelling == .sixteenDigits, event.address >> 32 == 0, event.address > Self.largestPlainSmallPointer {
      event.flags.insert(.hashedPointer)
    }
    endValue(.pointer)
  }

  // NULL and ZERO_SIZE_PTR (include/linux/slab.h) are printed as they are; the kernel doesn't hash them.
  static var largestPlainSmallPointer: UInt64 { 0x10 }

  @inline(__always)
  private mutating func pagePointer() {
    cursor += 5
    let flags = event.flags
    let pointerSpelling = spelling
    page = address()
    if event.flags.contains(.unknownPointer) { page = 1 }
    if pointerSpelling != .unknown { spelling = pointerSpelling }
    event.flags = flags
    endValue(.page)
  }

  /// An address in any spelling; see FORMATS: `%p` of all kernels, glibc's `%p`, placeholders.
  @inline(__always)
  private mutating func address() -> UInt64 {
    if end - cursor >= 16, let high = Numbers.hex8(cursor), let low = Numbers.hex8(cursor + 8) {
      cursor += 16
      spelling = .sixteenDigits
      return high << 32 | low
    }
    return rareAddress()
  }

  @inline(never)
  private mutating func rareAddress() -> UInt64 {
    // Kernels before 4.15 pad "(null)" to the width of a pointer.
    cursor = cursor.skippingSpaces(before: end)
    guard cursor < end else {
      trouble = .malformed
      return 0
    }
    if cursor.pointee == UInt8(ascii: "(") { return placeholder() }
    if end - cursor > 2, cursor.load2() == word2("0x") {
      cursor += 2
      spelling = .prefixed
      return Numbers.hex(&cursor, end, &trouble)
    }
    let start = cursor
    let value = Numbers.hex(&cursor, end, &trouble)
    if cursor - start == 8 { spelling = .eightDigits }
    return value
  }

  private mutating func placeholder() -> UInt64 {
    let start = cursor
    cursor = cursor.first(UInt8(ascii: ")"), before: end)
    if cursor < end { cursor += 1 }
    let text = UnsafeBufferPointer(start: start, count: cursor - start)
    if text.elementsEqual("(null)".utf8) || text.elementsEqual("(nil)".utf8) { return 0 }
    if text.elementsEqual("(____ptrval____)".utf8) || text.elementsEqual("(ptrval)".utf8) {
      event.flags.insert(.unknownPointer)
      return 0
    }
    trouble = .malformed
    return 0
  }

  @inline(__always)
  private mutating func frame() {
    cursor += 4
    if cursor < end, cursor.load2() == word2("0x") {
      cursor += 2
      features.insert(.hexadecimalFrames)
      event.address = Numbers.hex(&cursor, end, &trouble)
    } else {
      features.insert(.decimalFrames)
      event.address = Numbers.decimal(&cursor, end, &trouble)
    }
    endValue(.frame)
  }

  @inline(__always)
  private mutating func gfp() { event.gfp = text(10, .gfp) }

  @inline(__always)
  private mutating func node() {
    cursor += 5
    let isNegative = cursor < end && cursor.pointee == UInt8(ascii: "-")
    if isNegative { cursor += 1 }
    let value = Numbers.decimal(&cursor, end, &trouble)
    if value > UInt64(Int16.max), trouble == .none { trouble = .overflow }
    let magnitude = Int16(truncatingIfNeeded: value & UInt64(Int16.max))
    event.node = isNegative ? -magnitude : magnitude
    if event.kind == .kmalloc || event.kind == .kmemCacheAlloc { features.insert(.nodeInKmalloc) }
    endValue(.node)
  }

  @inline(__always)
  private mutating func accounted() {
    let start = cursor + 10
    cursor = start.space(before: end)
    if start < end, start.pointee == UInt8(ascii: "t") || start.pointee == UInt8(ascii: "1") {
      event.flags.insert(.accounted)
    } else {
      event.flags.remove(.accounted)
    }
    features.insert(.accounted)
    seen.insert(.accounted)
  }

  // The names of caches may hold spaces and parentheses, so a name ends where the next field of its format begins.
  private mutating func cacheName() {
    let start = cursor + 5
    cursor = end
    if event.kind.isObjectAllocation {
      features.insert(.nameInAlloc)
      var candidate = start.space(before: end)
      while candidate < end {
        if candidate.load8() == word8(" bytes_r"), candidate.load4(7) == word4("req=") {
          cursor = candidate
          break
        }
        candidate = (candidate + 1).space(before: end)
      }
    } else {
      features.insert(.nameInFree)
    }
    event.name = strings.intern(start, count: cursor - start)
    seen.insert(.name)
  }

  private mutating func size() {
    cursor += 5
    let isNegative = cursor < end && cursor.pointee == UInt8(ascii: "-")
    if isNegative { cursor += 1 }
    let magnitude = Numbers.decimal(&cursor, end, &trouble)
    if magnitude > UInt64(Int64.max), trouble == .none { trouble = .overflow }
    event.requestedBytes = isNegative ? 0 &- magnitude : magnitude
    if cursor < end, cursor.pointee == UInt8(ascii: "B") { cursor += 1 }
    endValue(.size)
  }
}

/// Tells raw addresses from symbols in `call_site=`.
enum CallSites {
  /// Whether the text is a bare address: hexadecimal digits, with or without `0x`.
  @inline(__always)
  static func isRaw(_ start: Bytes, _ end: Bytes) -> Bool {
    let length = end - start
    // Shorter than an address, or the "+" of symbol+offset in a usual place: no need to look at each digit.
    if length > 18 || length < 8 { return false }
    return isHexadecimal(start, end)
  }

  @inline(never)
  private static func isHexadecimal(_ start: Bytes, _ end: Bytes) -> Bool {
    var cursor = start
    if cursor.load2() == word2("0x") { cursor += 2 }
    while cursor < end {
      if !cursor.pointee.isHexDigit { return false }
      cursor += 1
    }
    return true
  }
}
