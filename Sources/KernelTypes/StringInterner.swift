/// A dense number that stands for one distinct string of a trace; 0 is the empty string.
@frozen
public struct StringID: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  public var rawValue: UInt32

  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The empty string: nothing was said.
  @inlinable
  public static var none: StringID { StringID(rawValue: 0) }

  /// The identifier as an index into side tables.
  @inlinable
  public var index: Int { Int(rawValue) }

  @inlinable
  public static func < (left: StringID, right: StringID) -> Bool { left.rawValue < right.rawValue }
}

/// Gives each distinct byte string of a trace a dense number, so that events carry four bytes instead of text.
///
/// Identifiers are given in order of first appearance, from 1. Bytes are compared on every hit: two different strings
/// never share a number. Memory grows with the number of *distinct* strings and stops at `limit` of them (or
/// `byteLimit` bytes of text): from then on new strings get the identifier of `overflowText` and are counted in
/// `overflowed`.
///
/// Not thread-safe: one parser owns it.
public final class StringInterner {
  /// What strings beyond the limit are called.
  public static let overflowText = "(other)"

  // A pointer, because stored properties of a class pay an exclusivity check on each access in the hot loop.
  @usableFromInline let core: UnsafeMutablePointer<InternerCore>

  /// Creates an interner that holds at most `limit` distinct strings and `byteLimit` bytes of text.
  public init(limit: Int = 1 << 20, byteLimit: Int = 256 << 20) {
    core = .allocate(capacity: 1)
    core.initialize(to: InternerCore(limit: limit, byteLimit: byteLimit))
  }

  deinit {
    core.pointee.release()
    core.deinitialize(count: 1)
    core.deallocate()
  }

  /// The number of identifiers given, the empty string included.
  public var count: Int { core.pointee.count }

  /// How many times a string could not be kept because the limit was reached.
  public var overflowed: Int { core.pointee.overflowed }

  /// The identifier of `bytes`; the bytes are copied when they are new.
  @inlinable
  public func intern(_ bytes: UnsafeRawBufferPointer) -> StringID {
    guard let start = bytes.baseAddress, !bytes.isEmpty else { return .none }
    return StringID(rawValue: core.pointee.intern(start, bytes.count))
  }

  /// The identifier of `count` bytes at `start`; the bytes are copied when they are new.
  @inlinable
  public func intern(_ start: UnsafePointer<UInt8>, count: Int) -> StringID {
    if count <= 0 { return .none }
    return StringID(rawValue: core.pointee.intern(UnsafeRawPointer(start), count))
  }

  /// The identifier of `text`.
  public func intern(_ text: String) -> StringID {
    var text = text
    return text.withUTF8 { intern(UnsafeRawBufferPointer($0)) }
  }

  /// The identifier of `text` if the trace has it.
  public func find(_ text: String) -> StringID? {
    if text.isEmpty { return StringID.none }
    var text = text
    let found: UInt32 = text.withUTF8 { bytes in
      guard let start = bytes.baseAddress else { return 0 }
      return core.pointee.find(UnsafeRawPointer(start), bytes.count)
    }
    return found == 0 ? nil : StringID(rawValue: found)
  }

  /// The text of an identifier, with bytes that are no UTF-8 repaired.
  public func string(_ id: StringID) -> String {
    withBytes(of: id) { String(decoding: $0, as: UTF8.self) }
  }

  /// Calls `body` with the bytes of an identifier; an unknown identifier has none.
  public func withBytes<Result>(of id: StringID, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    body(core.pointee.bytes(id.rawValue))
  }
}

/// The tables of a `StringInterner`: an arena of bytes, an entry for each string, and an open-addressed index.
@usableFromInline
struct InternerCore {
  @usableFromInline
  struct Entry {
    @usableFromInline var start: UnsafeRawPointer
    @usableFromInline var count: Int
  }

  // Each slot holds the upper half of the hash beside the identifier, so that most misses need no look at the bytes.
  @usableFromInline
  struct Slot {
    @usableFromInline var hash: UInt32
    @usableFromInline var id: UInt32
  }

  private static let blockBytes = 1 << 16

  @usableFromInline var entries: UnsafeMutablePointer<Entry>
  @usableFromInline var count: Int
  private var capacity: Int
  @usableFromInline var slots: UnsafeMutablePointer<Slot>
  @usableFromInline var mask: Int
  private var blocks: [UnsafeMutableRawPointer]
  private var cursor: UnsafeMutableRawPointer
  private var room: Int
  private let limit: Int
  private let byteLimit: Int
  private var byteCount: Int
  private var overflowID: UInt32
  var overflowed: Int

  init(limit: Int, byteLimit: Int) {
    capacity = 1024
    entries = .allocate(capacity: capacity)
    mask = 4095
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: Slot(hash: 0, id: 0), count: mask + 1)
    cursor = .allocate(byteCount: Self.blockBytes, alignment: 8)
    blocks = [cursor]
    room = Self.blockBytes
    entries.initialize(to: Entry(start: UnsafeRawPointer(cursor), count: 0))
    count = 1
    self.limit = max(limit, 2)
    self.byteLimit = byteLimit
    byteCount = 0
    overflowID = 0
    overflowed = 0
  }

  func release() {
    entries.deallocate()
    slots.deallocate()
    for block in blocks { block.deallocate() }
  }

  @inlinable
  static func hash(_ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
    let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
    var state = UInt64(truncatingIfNeeded: count) &* multiplier
    var offset = 0
    while offset &+ 8 <= count {
      let word = start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      state = (state ^ word) &* multiplier
      state ^= state >> 29
      offset &+= 8
    }
    if offset < count {
      var word: UInt64 = 0
      if count >= 8 {
        word = start.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
      } else if count >= 4 {
        let low = UInt64(start.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
        let high = UInt64(start.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self))
        word = low | high << 32
      } else {
        let first = UInt64(start.load(fromByteOffset: 0, as: UInt8.self))
        let middle = UInt64(start.load(fromByteOffset: count >> 1, as: UInt8.self))
        let last = UInt64(start.load(fromByteOffset: count &- 1, as: UInt8.self))
        word = first | middle << 8 | last << 16
      }
      state = (state ^ word) &* multiplier
    }
    return state ^ (state >> 32)
  }

  @inlinable
  static func equal(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
    var offset = 0
    while offset &+ 8 <= count {
      if left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      {
        return false
      }
      offset &+= 8
    }
    while offset < count {
      if left.load(fromByteOffset: offset, as: UInt8.self) != right.load(fromByteOffset: offset, as: UInt8.self) {
        return false
      }
      offset &+= 1
    }
    return true
  }

  @inlinable
  func find(_ start: UnsafeRawPointer, _ count: Int) -> UInt32 {
    let hash = Self.hash(start, count)
    let tag = UInt32(truncatingIfNeeded: hash >> 32)
    var position = Int(truncatingIfNeeded: hash) & mask
    while true {
      let slot = slots[position]
      if slot.id == 0 { return 0 }
      if slot.hash == tag {
        let entry = entries[Int(slot.id)]
        if entry.count == count, Self.equal(entry.start, start, count) { return slot.id }
      }
      position = (position &+ 1) & mask
    }
  }

  @inlinable
  mutating func intern(_ start: UnsafeRawPointer, _ count: Int) -> UInt32 {
    let found = find(start, count)
    return found != 0 ? found : insert(start, count)
  }

  @usableFromInline
  @inline(never)
  mutating func insert(_ start: UnsafeRawPointer, _ length: Int) -> UInt32 {
    if overflowID == 0, count >= limit - 1 || byteCount > byteLimit - length {
      overflowID = 1  // keeps the call below from coming back here
      var text = StringInterner.overflowText
      overflowID = text.withUTF8 { bytes in
        bytes.baseAddress.map { add(UnsafeRawPointer($0), bytes.count) } ?? 0
      }
    }
    if overflowID != 0 {
      overflowed += 1
      return overflowID
    }
    return add(start, length)
  }

  private mutating func add(_ start: UnsafeRawPointer, _ length: Int) -> UInt32 {
    if count == capacity { growEntries() }
    if count * 2 > mask { growSlots() }
    let copy = store(start, length)
    let id = UInt32(count)
    (entries + count).initialize(to: Entry(start: copy, count: length))
    count += 1
    place(id, Self.hash(copy, length))
    return id
  }

  private mutating func store(_ start: UnsafeRawPointer, _ length: Int) -> UnsafeRawPointer {
    if room < length {
      room = max(length, Self.blockBytes)
      cursor = .allocate(byteCount: room, alignment: 8)
      blocks.append(cursor)
    }
    cursor.copyMemory(from: start, byteCount: length)
    let copy = UnsafeRawPointer(cursor)
    cursor += length
    room -= length
    byteCount += length
    return copy
  }

  private func place(_ id: UInt32, _ hash: UInt64) {
    var position = Int(truncatingIfNeeded: hash) & mask
    while slots[position].id != 0 { position = (position + 1) & mask }
    slots[position] = Slot(hash: UInt32(truncatingIfNeeded: hash >> 32), id: id)
  }

  private mutating func growEntries() {
    let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: entries, count: count)
    entries.deallocate()
    entries = larger
    capacity *= 2
  }

  private mutating func growSlots() {
    slots.deallocate()
    mask = mask * 2 + 1
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: Slot(hash: 0, id: 0), count: mask + 1)
    for id in 1..<count {
      let entry = entries[id]
      place(UInt32(id), Self.hash(entry.start, entry.count))
    }
  }

  func bytes(_ id: UInt32) -> UnsafeRawBufferPointer {
    guard id < UInt32(count) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    let entry = entries[Int(id)]
    return UnsafeRawBufferPointer(start: entry.start, count: entry.count)
  }
}
