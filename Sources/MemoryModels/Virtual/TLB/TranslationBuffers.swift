/// A processor's translation look-aside buffers, filled and asked like the machine's.
///
/// An entry's key holds the page number, the address space and the size of the page; its payload the page's physical
/// address, the rights, and whether the page is dirty.
struct TranslationBuffers: ~Copyable {
  /// One of the buffers, with what the search needs to know of it.
  struct Buffer: ~Copyable {
    let geometry: TLBGeometry.Buffer
    var array: SetAssociativeArray
    /// For each size of page, whether entries of that size are in it or may have been.
    var sizesInUse: UInt8 = 0
    /// For each size of page four bits: one more than the size as which it is held, 0 if it isn't.
    let heldSizes: UInt64
  }

  static let anyContext: UInt64 = 0xFFFF
  // Addresses are cut to the 57 bits that are ever translated, so that keys hold them.
  private static let addressMask: UInt64 = (1 << 57) - 1

  /// log₂ of the scheme's page sizes, in ascending order.
  private let shifts: UnsafeMutablePointer<UInt64>
  private let sizeCount: Int
  private let buffers: UnsafeMutablePointer<Buffer>
  private let count: Int
  // The buffers asked for data and, behind them, for instructions: level 1 first.
  private let orders: UnsafeMutablePointer<Int>
  private let dataCount: Int
  private let instructionCount: Int

  init(scheme: TranslationScheme, geometry: TLBGeometry, policy: ReplacementPolicy) {
    let sizes = scheme.pageSizes.map { $0.bytes.trailingZeroBitCount }
    let valid = geometry.buffers.filter(\.isValid)
    func order(_ kind: MemoryAccess.Kind) -> [Int] {
      valid.indices.filter { valid[$0].use.serves(kind) }.sorted { (valid[$0].level, $0) < (valid[$1].level, $1) }
    }
    let (data, instructions) = (order(.read), order(.execute))
    shifts = .allocate(capacity: sizes.count)
    sizeCount = sizes.count
    for (index, shift) in sizes.enumerated() { (shifts + index).initialize(to: UInt64(shift)) }
    count = valid.count
    buffers = .allocate(capacity: max(count, 1))
    for (index, buffer) in valid.enumerated() {
      (buffers + index).initialize(
        to: Buffer(
          geometry: buffer, array: SetAssociativeArray(entries: buffer.entries, ways: buffer.ways, policy: policy),
          heldSizes: Self.heldSizes(sizes, buffer)))
    }
    orders = .allocate(capacity: max(data.count + instructions.count, 1))
    dataCount = data.count
    instructionCount = instructions.count
    for (index, buffer) in (data + instructions).enumerated() { (orders + index).initialize(to: buffer) }
  }

  /// The sizes under which a buffer holds pages of each size.
  private static func heldSizes(_ sizes: [Int], _ buffer: TLBGeometry.Buffer) -> UInt64 {
    var held: UInt64 = 0
    for (index, shift) in sizes.enumerated() {
      var size: Int?
      if buffer.pageShifts.contains(shift) {
        size = index
      } else if buffer.splitsLargerPages, shift > buffer.pageShifts.upperBound {
        size = sizes.lastIndex { buffer.pageShifts.contains($0) }
      }
      held |= UInt64((size ?? -1) + 1) << UInt64(4 * index)
    }
    return held
  }

  deinit {
    buffers.deinitialize(count: count)
    buffers.deallocate()
    shifts.deallocate()
    orders.deallocate()
  }

  @inline(__always)
  private func key(_ address: UInt64, _ size: Int, _ shift: UInt64, _ context: UInt64) -> UInt64 {
    UInt64(truncatingIfNeeded: size &+ 1) &<< 61 | ((address & Self.addressMask) &>> shift) &<< 16 | context
  }

  /// What the buffers have for an address: physical address of the page, rights and dirty bit in one word, the page's size,
  /// and the level that had it; level 0 is none.
  @inline(__always)
  mutating func find(_ address: UInt64, _ kind: MemoryAccess.Kind, context: UInt64)
    -> (payload: UInt64, shift: UInt64, level: Int)
  {
    let isFetch = kind == .execute
    var next = isFetch ? orders + dataCount : orders
    let end = next + (isFetch ? instructionCount : dataCount)
    while next < end {
      let buffer = buffers + next.pointee
      next += 1
      var sizes = buffer.pointee.sizesInUse
      while sizes != 0 {
        let size = sizes.trailingZeroBitCount
        sizes &= sizes &- 1
        let shift = shifts[size]
        let set = buffer.pointee.array.set((address & Self.addressMask) &>> shift)
        var place = buffer.pointee.array.find(key(address, size, shift, context), set: set)
        if place < 0 { place = buffer.pointee.array.find(key(address, size, shift, Self.anyContext), set: set) }
        if place >= 0 {
          buffer.pointee.array.touch(place, set: set)
          return (buffer.pointee.array.payload(place), shift, buffer.pointee.geometry.level)
        }
      }
    }
    return (0, 0, 0)
  }

  /// Puts a page, which none of them has, into the buffers that hold its size, at levels up to `upTo`.
  mutating func insert(
    _ address: UInt64, _ kind: MemoryAccess.Kind, context: UInt64, physical: UInt64, shift: UInt64, flags: UInt64,
    isGlobal: Bool, upTo level: Int
  ) {
    let isFetch = kind == .execute
    var next = isFetch ? orders + dataCount : orders
    let end = next + (isFetch ? instructionCount : dataCount)
    let context = isGlobal ? Self.anyContext : context
    var own = 0
    while own < sizeCount, shifts[own] != shift { own &+= 1 }
    while next < end {
      let buffer = buffers + next.pointee
      next += 1
      if buffer.pointee.geometry.level > level { continue }
      let size = Int(truncatingIfNeeded: buffer.pointee.heldSizes &>> UInt64(truncatingIfNeeded: 4 &* own) & 15) &- 1
      if size < 0 { continue }
      let held = shifts[size]
      let inside = (UInt64(1) &<< shift) &- 1
      let base = physical & ~inside | address & inside & ~((1 &<< held) &- 1)
      let set = buffer.pointee.array.set((address & Self.addressMask) &>> held)
      buffer.pointee.array.insert(key(address, size, held, context), base | flags, set: set)
      buffer.pointee.sizesInUse |= 1 &<< UInt8(truncatingIfNeeded: size)
    }
  }

  /// Takes out the entries that translate an address, global ones too; returns how many.
  mutating func remove(_ address: UInt64, context: UInt64) -> Int {
    var removed = 0
    for index in 0..<count {
      let buffer = buffers + index
      for size in 0..<sizeCount where buffer.pointee.sizesInUse >> UInt8(size) & 1 != 0 {
        let shift = shifts[size]
        let set = buffer.pointee.array.set((address & Self.addressMask) >> shift)
        for context in [context, Self.anyContext] {
          let place = buffer.pointee.array.find(key(address, size, shift, context), set: set)
          if place < 0 { continue }
          buffer.pointee.array.remove(place)
          removed += 1
        }
      }
    }
    return removed
  }

  /// Takes out the entries of an address space, without global ones.
  mutating func remove(context: UInt64) -> Int {
    var removed = 0
    for index in 0..<count { removed += (buffers + index).pointee.array.removeAll { $0 & 0xFFFF == context } }
    return removed
  }

  /// Takes out all entries, or all that are not global.
  mutating func removeAll(keepsGlobal: Bool) -> Int {
    var removed = 0
    for index in 0..<count {
      removed += (buffers + index).pointee.array.removeAll { !keepsGlobal || $0 & 0xFFFF != Self.anyContext }
      if !keepsGlobal { (buffers + index).pointee.sizesInUse = 0 }
    }
    return removed
  }
}
