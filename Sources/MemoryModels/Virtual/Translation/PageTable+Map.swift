extension PageTable {
  /// Maps a page; `bytes` is its size, by default that of the smallest.
  ///
  /// Tables that are missing are made first, from the top. On x86 a present page can always be read: a page that nobody
  /// may read is stored with `storeAbsent`. On ARM, a page is global if it is not a user's, and sections, supersections
  /// and large pages count as accessed, and as dirty if they can be written.
  ///
  /// Throws if the address is not canonical or not aligned, if there is no page of that size, if the place is taken, or
  /// if there is no frame for a table (tables made by then stay).
  public func map(
    _ address: UInt64, to physical: UInt64, bytes: UInt64? = nil, _ attributes: PageAttributes,
    frames: inout some FrameSupplier & ~Copyable
  ) throws(MappingError) {
    guard scheme.isCanonical(address) else { throw MappingError(.notCanonical, at: address) }
    guard let size = bytes.map({ scheme.pageSize(bytes: $0) }) ?? smallest else {
      throw MappingError(.noSuchSize, at: address)
    }
    if (address | physical) & (size.bytes - 1) != 0 { throw MappingError(.misaligned, at: address) }
    // Only supersections and PSE's large pages reach beyond 32 bits where entries have no more.
    let reaches = isWide || size.bytes == 1 << (scheme.format == .ia32 ? 22 : 24)
    let physicalBits = reaches ? scheme.physicalAddressBits : 32
    if physical >> UInt64(physicalBits) != 0 { throw MappingError(.physicalTooLarge, at: address) }
    let node = try makeTables(address, level: size.level, &frames)
    let index = index(address, size.level)
    for part in 0..<size.repeats where software(node, size.level, index + part) != 0 {
      throw MappingError(.occupied, at: address)
    }
    store(node, index, size, physical, attributes)
    node.header.pointee.used += size.repeats
  }

  private var smallest: TranslationScheme.PageSize? {
    TranslationScheme.PageSize(bytes: scheme.pageBytes, level: scheme.levelCount - 1, repeats: 1)
  }

  /// Makes the tables that a page of a size needs, as a fault does before it takes a frame for the page.
  public func populate(_ address: UInt64, bytes: UInt64? = nil, frames: inout some FrameSupplier & ~Copyable)
    throws(MappingError)
  {
    guard scheme.isCanonical(address) else { throw MappingError(.notCanonical, at: address) }
    guard let size = bytes.map({ scheme.pageSize(bytes: $0) }) ?? smallest else {
      throw MappingError(.noSuchSize, at: address)
    }
    try makeTables(address, level: size.level, &frames)
  }

  /// Stores an entry of the smallest page that the processor takes for nothing: a swap entry, a page nobody may read.
  ///
  /// It replaces an absent entry; `entry` has the present bit clear (ARM64: both type bits).
  public func storeAbsent(_ entry: UInt64, at address: UInt64, frames: inout some FrameSupplier & ~Copyable)
    throws(MappingError)
  {
    guard scheme.isCanonical(address) else { throw MappingError(.notCanonical, at: address) }
    let isAbsent = entry & (scheme.format == .arm64 ? 3 : 1) == 0 && (isWide || entry >> 32 == 0) && entry != 0
    if !isAbsent { throw MappingError(.notAbsent, at: address) }
    let level = scheme.levelCount - 1
    let node = try makeTables(address, level: level, &frames)
    let index = index(address, level)
    if software(node, level, index) != 0 {
      if isPresent(node, level, index) { throw MappingError(.occupied, at: address) }
    } else {
      node.header.pointee.used += 1
    }
    if scheme.isPaired {
      node.setWord(at: index << 2, entry, isWide: false)
    } else {
      setEntry(node, level, index, entry)
    }
  }

  /// Writes all entries of a page.
  func store(
    _ node: TableNode, _ index: Int, _ size: TranslationScheme.PageSize, _ physical: UInt64,
    _ attributes: PageAttributes
  ) {
    let level = size.level
    let isLast = level == scheme.levelCount - 1
    switch scheme.format {
    case .ia32, .pae, .x86_64:
      let mask = X86Entry.attributeMask(format: scheme.format, isLarge: !isLast)
      let shift = UInt64(scheme.shift(level))
      // Bits that are software's stay when the page does.
      let old = entry(node, level, index)
      let isSame =
        old & 1 != 0 && X86Entry.physical(old, format: scheme.format, shift: shift) == physical
      let kept = isSame ? old & ~mask : 0
      setEntry(
        node, level, index,
        kept | X86Entry.encode(physical, attributes, format: scheme.format, isLarge: !isLast))
    case .arm64:
      let span = UInt64(1) << UInt64(scheme.shift(level))
      for part in 0..<size.repeats {
        let address = physical + UInt64(part) * span
        let old = entry(node, level, index + part)
        let isSame = old & 1 != 0 && ARM64Entry.physical(old, shift: UInt64(scheme.shift(level))) == address
        let kept = isSame ? old & 0xFF80_0000_0000_0000 & ~ARM64Entry.attributeMask : 0
        let raw = ARM64Entry.encode(address, attributes, isBlock: !isLast, isContiguous: size.repeats > 1)
        setEntry(node, level, index + part, kept | raw)
      }
    case .armShort:
      if size.bytes == 4096 {
        let copy = ARMShortEntry.linuxEntry(physical, attributes)
        node.setWord(at: index << 2, copy, isWide: false)
        setEntry(node, 1, index, ARMShortEntry.hardwareEntry(linux: copy))
      } else {
        let raw = ARMShortEntry.largeEntry(physical, attributes, bytes: size.bytes)
        for part in 0..<size.repeats { setEntry(node, level, index + part, raw) }
      }
    }
  }

  /// Changes what the entries of the page at an address say, and returns the page as it was; `nil` if there is none.
  ///
  /// For dirty and accessed bits, write protection for copy on write, and the like. The TLB is the caller's to flush.
  @discardableResult
  public func update(_ address: UInt64, _ change: (inout PageAttributes) -> Void) -> MappedPage? {
    guard let page = lookup(address).page else { return nil }
    let (node, level, _) = deepest(address)
    var attributes = page.attributes
    change(&attributes)
    store(node, index(page.address, level), page.size, page.physicalAddress, attributes)
    return page
  }

  /// Replaces the page's memory, as when a copy takes the place of a page; returns the page as it was.
  ///
  /// Throws if nothing is mapped there, or if the memory is not aligned to the page.
  @discardableResult
  public func replace(_ address: UInt64, with physical: UInt64, _ attributes: PageAttributes) throws(MappingError)
    -> MappedPage
  {
    guard let page = lookup(address).page else { throw MappingError(.nothingMapped, at: address) }
    if physical & (page.size.bytes - 1) != 0 { throw MappingError(.misaligned, at: address) }
    let (node, level, _) = deepest(address)
    store(node, index(page.address, level), page.size, physical, attributes)
    return page
  }
}
