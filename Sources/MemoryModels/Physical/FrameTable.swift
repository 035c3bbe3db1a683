import KernelTypes

/// What is known about one page frame of a zone; only heads of free blocks hold anything.
struct FrameRecord: BitwiseCopyable {
  /// Where a frame stands.
  enum Place: UInt8 {
    /// Handed out, absent, or inside a free block.
    case none
    /// The head of a block on the buddy allocator's lists.
    case buddy
    /// The head of a block on a CPU's lists.
    case perCPU
  }

  var next: Int32 = -1
  var previous: Int32 = -1
  var order: UInt8 = 0
  private var kind: UInt8 = 0
  var cpu: UInt16 = 0

  var place: Place { Place(rawValue: kind & 3) ?? .none }

  /// The type of the list the block is on; on a CPU's lists, the type remembered with it.
  var type: MigrateType { MigrateType(rawValue: kind >> 2) ?? .unmovable }

  /// Whether this is the head of a block of `order` on the buddy allocator's lists.
  @inline(__always)
  func isBuddy(order: Int) -> Bool { kind & 3 == Place.buddy.rawValue && Int(self.order) == order }

  @inline(__always)
  mutating func set(_ place: Place, order: Int, type: MigrateType) {
    self.order = UInt8(truncatingIfNeeded: order)
    kind = place.rawValue | type.rawValue << 2
  }

  @inline(__always)
  mutating func clear() { kind = 0 }
}

/// A list of free blocks, linked through the frame records of their heads.
struct FrameList: BitwiseCopyable {
  var head: Int32 = -1
  var tail: Int32 = -1
  var count: Int32 = 0
}

/// The records of a span of page frames, and two bits for each: whether it is free, and whether movable data is in it.
///
/// Frames are named by their index from `base`, which is aligned to the largest order, so that buddy arithmetic on
/// indices and on frames is the same. Records come into being by chunks, where blocks are freed: 12 bytes a frame.
struct FrameTable: ~Copyable {
  private static let chunkBits = 15
  private static let chunkMask = (1 << chunkBits) - 1

  /// The frame number of index 0.
  let base: UInt64
  /// The number of indices, a multiple of the largest block.
  let count: Int
  private let chunkCount: Int
  private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<FrameRecord>>
  // Stands in for every chunk in which nothing was ever free; never written to.
  private let blank: UnsafeMutablePointer<FrameRecord>
  private let wordCount: Int
  private let freeBits: UnsafeMutablePointer<UInt64>
  private let movableBits: UnsafeMutablePointer<UInt64>

  init(start: PageFrame, end: PageFrame, maximumOrder: Int) {
    let unit = Order.pages(maximumOrder)
    base = start.rawValue & ~(unit - 1)
    count = Int((end.rawValue - base + unit - 1) / unit * unit)
    chunkCount = max((count + Self.chunkMask) >> Self.chunkBits, 1)
    blank = .allocate(capacity: 1 << Self.chunkBits)
    blank.initialize(repeating: FrameRecord(), count: 1 << Self.chunkBits)
    chunks = .allocate(capacity: chunkCount)
    chunks.initialize(repeating: blank, count: chunkCount)
    wordCount = (count + 63) / 64
    freeBits = .allocate(capacity: max(wordCount, 1))
    freeBits.initialize(repeating: 0, count: wordCount)
    movableBits = .allocate(capacity: max(wordCount, 1))
    movableBits.initialize(repeating: 0, count: wordCount)
  }

  deinit {
    for chunk in 0..<chunkCount where chunks[chunk] != blank { chunks[chunk].deallocate() }
    blank.deallocate()
    chunks.deallocate()
    freeBits.deallocate()
    movableBits.deallocate()
  }

  /// The record of an index below `count`.
  @inline(__always)
  func record(_ index: Int) -> UnsafeMutablePointer<FrameRecord> {
    chunks[index >> Self.chunkBits] + (index & Self.chunkMask)
  }

  @inline(__always)
  private func writable(_ index: Int) -> UnsafeMutablePointer<FrameRecord> {
    let chunk = index >> Self.chunkBits
    if chunks[chunk] == blank { materialise(chunk) }
    return chunks[chunk] + (index & Self.chunkMask)
  }

  @inline(never)
  private func materialise(_ chunk: Int) {
    let records = UnsafeMutablePointer<FrameRecord>.allocate(capacity: 1 << Self.chunkBits)
    records.initialize(repeating: FrameRecord(), count: 1 << Self.chunkBits)
    chunks[chunk] = records
  }

  // MARK: - Lists

  /// Puts a block at one end of a list.
  @inline(__always)
  mutating func insert(
    _ index: Int, into list: inout FrameList, place: FrameRecord.Place, order: Int, type: MigrateType, cpu: Int = 0,
    atTail: Bool
  ) {
    let entry = writable(index)
    let id = Int32(truncatingIfNeeded: index)
    entry.pointee.set(place, order: order, type: type)
    entry.pointee.cpu = UInt16(truncatingIfNeeded: cpu)
    if atTail {
      entry.pointee.previous = list.tail
      entry.pointee.next = -1
      if list.tail >= 0 { record(Int(list.tail)).pointee.next = id } else { list.head = id }
      list.tail = id
    } else {
      entry.pointee.next = list.head
      entry.pointee.previous = -1
      if list.head >= 0 { record(Int(list.head)).pointee.previous = id } else { list.tail = id }
      list.head = id
    }
    list.count &+= 1
  }

  /// Takes a block off the list it is on.
  @inline(__always)
  mutating func remove(_ index: Int, from list: inout FrameList) {
    let entry = record(index)
    let next = entry.pointee.next
    let previous = entry.pointee.previous
    if previous >= 0 { record(Int(previous)).pointee.next = next } else { list.head = next }
    if next >= 0 { record(Int(next)).pointee.previous = previous } else { list.tail = previous }
    entry.pointee.clear()
    list.count &-= 1
  }

  /// The head of the free block that holds an index, if there is one.
  func head(of index: Int, maximumOrder: Int) -> Int? {
    for order in 0...maximumOrder {
      let head = index & ~((1 << order) - 1)
      let entry = record(head).pointee
      if entry.place != .none, Int(entry.order) == order { return head }
    }
    return nil
  }

  // MARK: - Bits

  @inline(__always)
  func isFree(_ index: Int) -> Bool { freeBits[index >> 6] >> UInt64(index & 63) & 1 != 0 }

  /// Whether every frame of an aligned block is free.
  func isAllFree(_ index: Int, order: Int) -> Bool {
    if order < 6 { return ~freeBits[index >> 6] & Self.mask(index, order) == 0 }
    for word in index >> 6..<(index + 1 << order) >> 6 where freeBits[word] != ~0 { return false }
    return true
  }

  /// Whether any frame of an aligned block is free.
  @inline(__always)
  func isAnyFree(_ index: Int, order: Int) -> Bool {
    if order < 6 { return freeBits[index >> 6] & Self.mask(index, order) != 0 }
    for word in index >> 6..<(index + 1 << order) >> 6 where freeBits[word] != 0 { return true }
    return false
  }

  /// Notes that a block is free, wherever it is kept.
  @inline(__always)
  mutating func markFree(_ index: Int, order: Int) {
    if order < 6 {
      let mask = Self.mask(index, order)
      freeBits[index >> 6] |= mask
      movableBits[index >> 6] &= ~mask
    } else {
      for word in index >> 6..<(index + 1 << order) >> 6 {
        freeBits[word] = ~0
        movableBits[word] = 0
      }
    }
  }

  /// Notes that a block was handed out, and for what.
  @inline(__always)
  mutating func markUsed(_ index: Int, order: Int, isMovable: Bool) {
    if order < 6 {
      let mask = Self.mask(index, order)
      freeBits[index >> 6] &= ~mask
      if isMovable { movableBits[index >> 6] |= mask }
    } else {
      for word in index >> 6..<(index + 1 << order) >> 6 {
        freeBits[word] = 0
        movableBits[word] = isMovable ? ~0 : 0
      }
    }
  }

  /// Says whether movable data is in a frame that is not free.
  mutating func setMovable(_ index: Int, _ isMovable: Bool) {
    let bit: UInt64 = 1 << UInt64(index & 63)
    if isMovable, freeBits[index >> 6] & bit == 0 {
      movableBits[index >> 6] |= bit
    } else {
      movableBits[index >> 6] &= ~bit
    }
  }

  /// The number of frames with movable data among `range`.
  func movableFrames(_ range: Range<Int>) -> Int { Self.countBits(movableBits, range) }

  /// The number of free frames, on whatever list.
  var freeFrames: Int { Self.countBits(freeBits, 0..<count) }

  @inline(__always)
  private static func mask(_ index: Int, _ order: Int) -> UInt64 {
    (1 << (1 << UInt64(order)) - 1) << UInt64(index & 63)
  }

  private static func countBits(_ words: UnsafeMutablePointer<UInt64>, _ range: Range<Int>) -> Int {
    var total = 0
    var index = range.lowerBound
    while index < range.upperBound {
      let upper = min(range.upperBound, (index | 63) + 1)
      var word = words[index >> 6] >> UInt64(index & 63)
      if upper - index < 64 { word &= 1 << UInt64(upper - index) - 1 }
      total += word.nonzeroBitCount
      index = upper
    }
    return total
  }
}
