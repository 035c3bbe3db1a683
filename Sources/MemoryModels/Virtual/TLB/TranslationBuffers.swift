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
  }

  static let anyContext: UInt64 = 0xFFFF
  // Addresses are cut to the 57 bits that are ever translated, so that keys hold them.
  private static let addressMask: UInt64 = (1 << 57) - 1

  /// log₂ of the scheme's page sizes, in ascending order.
  private let shifts: [UInt64]
  private let buffers: UnsafeMutablePointer<Buffer>
  private let count: Int
  // The buffers asked for data and for instructions: level 1 first.
  private let dataOrder: [Int]
  private let instructionOrder: [Int]

  init(scheme: TranslationScheme, geometry: TLBGeometry, policy: ReplacementPolicy) {
    shifts = scheme.pageSizes.map { UInt64($0.bytes.trailingZeroBitCount) }
    let valid = geometry.buffers.filter(\.isValid)
    count = valid.count
    buffers = .allocate(capacity: max(count, 1))
    for (index, buffer) in valid.enumerated() {
      (buffers + index).initialize(
        to: Buffer(
          geometry: buffer, array: SetAssociativeArray(entries: buffer.entries, ways: buffer.ways, policy: policy)))
    }
    func order(_ kind: MemoryAccess.Kind) -> [Int] {
      valid.indices.filter { valid[$0].use.serves(kind) }.sorted { (valid[$0].level, $0) < (valid[$1].level, $1) }
    }
    dataOrder = order(.read)
    instructionOrder = order(.execute)
  }

  deinit {
    buffers.deinitialize(count: count)
    buffers.deallocate()
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
    let order = kind == .execute ? instructionOrder : dataOrder
    for index in order {
      let buffer = buffers + index
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

  /// Puts a page into the buffers that hold its size, at levels up to `upTo`.
  mutating func insert(
    _ address: UInt64, _ kind: MemoryAccess.Kind, context: UInt64, physical: UInt64, shift: UInt64, flags: UInt64,
    isGlobal: Bool, upTo level: Int
  ) {
    let order = kind == .execute ? instructionOrder : dataOrder
    let context = isGlobal ? Self.anyContext : context
    for index in order {
      let buffer = buffers + index
      if buffer.pointee.geometry.level > level { continue }
      guard let size = heldSize(shift, buffer.pointee.geometry) else { continue }
      let held = shifts[size]
      let mask = (UInt64(1) << held) - 1
      let key = key(address, size, held, context)
      let base = (physical & ~((1 << shift) - 1)) | (address & ((1 << shift) - 1) & ~mask)
      let set = buffer.pointee.array.set((address & Self.addressMask) &>> held)
      let place = buffer.pointee.array.find(key, set: set)
      if place >= 0 {
        buffer.pointee.array.setPayload(place, base | flags)
      } else {
        buffer.pointee.array.insert(key, base | flags, set: set)
      }
      buffer.pointee.sizesInUse |= 1 << UInt8(size)
    }
  }

  /// The size under which a buffer holds a page; `nil` if it doesn't.
  private func heldSize(_ shift: UInt64, _ buffer: TLBGeometry.Buffer) -> Int? {
    if buffer.pageShifts.contains(Int(shift)) { return shifts.firstIndex(of: shift) }
    guard buffer.splitsLargerPages, Int(shift) > buffer.pageShifts.upperBound else { return nil }
    return shifts.lastIndex { buffer.pageShifts.contains(Int($0)) }
  }

  /// Takes out the entries that translate an address, global ones too; returns how many.
  mutating func remove(_ address: UInt64, context: UInt64) -> Int {
    var removed = 0
    for index in 0..<count {
      let buffer = buffers + index
      for size in shifts.indices where buffer.pointee.sizesInUse >> UInt8(size) & 1 != 0 {
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
