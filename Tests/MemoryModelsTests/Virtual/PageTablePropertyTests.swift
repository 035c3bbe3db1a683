import KernelTypes
import MemoryModels
import Testing

@Suite("Page tables against a dictionary") struct PageTablePropertyTests {
  private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var value = state
      value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
      return value ^ (value >> 31)
    }
  }

  private struct Page: Equatable {
    var physical: UInt64
    var bytes: UInt64
    var attributes: PageAttributes
  }

  private func attributes(_ scheme: TranslationScheme, large: Bool, _ random: inout Random) -> PageAttributes {
    var permissions: PagePermissions = .read
    if Bool.random(using: &random) { permissions.insert(.write) }
    if Bool.random(using: &random) { permissions.insert(.user) }
    if scheme.format == .ia32 || Bool.random(using: &random) { permissions.insert(.execute) }
    let types: [MemoryType] =
      scheme.format == .arm64 ? [.writeBack, .writeCombining, .uncached] : MemoryType.allCases
    let isARM = scheme.format == .armShort
    let type = isARM && large ? MemoryType.writeBack : types.randomElement(using: &random) ?? .writeBack
    var attributes = PageAttributes(
      permissions, isGlobal: Bool.random(using: &random), isAccessed: Bool.random(using: &random),
      isDirty: Bool.random(using: &random), memoryType: type,
      protectionKey: scheme.format == .x86_64 ? UInt8.random(in: 0...15, using: &random) : 0)
    if isARM {
      attributes.isGlobal = !permissions.contains(.user)
      if large { (attributes.isAccessed, attributes.isDirty) = (true, permissions.contains(.write)) }
    }
    return attributes
  }

  /// What the processor should let pass, from the attributes alone.
  private func allows(_ scheme: TranslationScheme, _ page: PageAttributes, level: Int, _ access: MemoryAccess) -> Bool {
    let permissions = page.permissions
    let isUserPage = permissions.contains(.user)
    let writes = permissions.contains(.write)
    let executes = permissions.contains(.execute)
    switch scheme.format {
    case .ia32, .pae, .x86_64:
      if access.isUser && !isUserPage { return false }
      return access.kind == .read || access.kind == .write && writes || access.kind == .execute && executes
    case .armShort:
      if !page.isAccessed || access.isUser && !isUserPage { return false }
      return access.kind == .read || access.kind == .write && writes && page.isDirty
        || access.kind == .execute && executes
    case .arm64:
      if !page.isAccessed { return false }
      switch access.kind {
      case .read: return isUserPage || !access.isUser
      case .write: return (isUserPage || !access.isUser) && writes && page.isDirty
      // Each mode executes its own pages, and tables of user space forbid the kernel to execute what they name.
      case .execute: return executes && isUserPage == access.isUser && (access.isUser || level == 0)
      }
    }
  }

  @Test(arguments: TranslationScheme.all())
  func `random mapping, unmapping, protecting and walking agree with a dictionary`(scheme: TranslationScheme) throws {
    var random = Random(state: scheme.name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
    var frames = FrameSequence(from: PageFrame(0x100))
    let table = try #require(PageTable(scheme, frames: &frames))
    var expected: [UInt64: Page] = [:]
    let sizes = scheme.pageSizes.filter { $0.bytes <= 1 << 30 }
    let space: UInt64 = scheme.virtualAddressBits == 32 ? 1 << 31 : 1 << 33
    let accesses = MemoryAccess.Kind.allCases.flatMap { [MemoryAccess($0), MemoryAccess($0, isUser: false)] }
    func overlaps(_ start: UInt64, _ bytes: UInt64) -> Bool {
      expected.contains { $0.key < start + bytes && start < $0.key + $0.value.bytes }
    }
    func find(_ address: UInt64) -> (key: UInt64, value: Page)? {
      expected.first { $0.key <= address && address < $0.key + $0.value.bytes }
    }
    for step in 0..<1500 {
      let size = sizes[step % 5 == 0 ? Int.random(in: 0..<sizes.count, using: &random) : 0]
      // A few clusters, so that neighbours share tables.
      let cluster = UInt64.random(in: 0..<6, using: &random) * (space / 8)
      let address = (cluster + UInt64.random(in: 0..<64, using: &random) * size.bytes) & (space - 1) & ~(size.bytes - 1)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<6:
        let physical = UInt64.random(in: 0..<(1 << 31), using: &random) & ~(size.bytes - 1)
        let isLarge = size.bytes > scheme.pageBytes
        let attributes = attributes(scheme, large: isLarge, &random)
        let isFree = !overlaps(address, size.bytes)
        do throws(MappingError) {
          try table.map(address, to: physical, bytes: size.bytes, attributes, frames: &frames)
          #expect(isFree)
          expected[address] = Page(physical: physical, bytes: size.bytes, attributes: attributes)
        } catch {
          // A table of smaller pages may be left in the place of a larger one.
          #expect(error.code == .occupied && (!isFree || isLarge))
        }
      case 6:
        let end = address + size.bytes * UInt64.random(in: 1...8, using: &random)
        let inside = expected.filter { $0.key < end && address < $0.key + $0.value.bytes }
        let cuts = inside.contains { $0.key < address || $0.key + $0.value.bytes > end }
        var seen: [UInt64: Page] = [:]
        do throws(MappingError) {
          try table.unmap(address..<end) { entry in
            guard let page = entry.page else { return }
            seen[page.address] = Page(
              physical: page.physicalAddress, bytes: page.size.bytes, attributes: page.attributes)
          }
          #expect(!cuts && seen == inside)
          for key in inside.keys { expected[key] = nil }
        } catch {
          #expect(cuts && error.code == .partialPage)
        }
      case 7:
        guard let (key, page) = find(address) else { continue }
        var permissions: PagePermissions = [.read, .execute]
        if Bool.random(using: &random) { permissions.insert(.write) }
        if page.attributes.permissions.contains(.user) { permissions.insert(.user) }
        let count = try table.protect(key..<key + page.bytes, permissions)
        #expect(count == 1)
        expected[key]?.attributes.permissions = permissions
        if scheme.format == .armShort, page.bytes > 4096 {
          expected[key]?.attributes.isDirty = permissions.contains(.write)
        }
      case 8:
        table.freeTables(0..<space, frames: &frames)
      default:
        break
      }
      let probe = address + UInt64.random(in: 0..<size.bytes, using: &random)
      let found = find(probe)
      let level = found.flatMap { scheme.pageSize(bytes: $0.value.bytes)?.level } ?? 0
      for access in accesses {
        let outcome = table.walk(probe, access).outcome
        if let found, allows(scheme, found.value.attributes, level: level, access) {
          #expect(outcome.page?.physicalAddress == found.value.physical + (probe - found.key))
        } else {
          #expect(outcome.fault != nil)
        }
      }
      if step % 250 == 0 { #expect(table.checkInvariants() == []) }
    }
    var seen: [UInt64: Page] = [:]
    table.forEachPage(in: 0..<space) { page in
      seen[page.address] = Page(physical: page.physicalAddress, bytes: page.size.bytes, attributes: page.attributes)
    }
    #expect(seen == expected)
    #expect(table.checkInvariants() == [])
    for (key, page) in expected { try table.unmap(key..<key + page.bytes) }
    table.freeTables(0..<space, frames: &frames)
    #expect(table.tablePages.dropFirst().allSatisfy { $0 == 0 })
  }
}
