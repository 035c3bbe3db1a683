extension TranslationScheme {
  /// IA-32 with two levels: 4 KiB and, by PSE, 4 MiB pages; PSE-36 with 40 bits of physical address.
  public static let ia32 = TranslationScheme(
    "ia32", .ia32, levels: 2, pageShift: 12, indexBits: 10, topIndexBits: 10, entryBytes: 4, virtualBits: 32,
    physicalBits: 40, leafLevels: 0b11)

  /// IA-32 with physical address extension: 4 KiB and 2 MiB pages.
  public static let pae = TranslationScheme(
    "pae", .pae, levels: 3, pageShift: 12, indexBits: 9, topIndexBits: 2, entryBytes: 8, virtualBits: 32,
    physicalBits: 52, leafLevels: 0b110)

  /// x86-64 with four levels: 4 KiB, 2 MiB and 1 GiB pages.
  public static let x86_64 = TranslationScheme(
    "x86_64", .x86_64, levels: 4, pageShift: 12, indexBits: 9, topIndexBits: 9, entryBytes: 8, virtualBits: 48,
    physicalBits: 52, leafLevels: 0b1110)

  /// x86-64 with five levels (CR4.LA57).
  public static let x86_64FiveLevel = TranslationScheme(
    "x86_64-5level", .x86_64, levels: 5, pageShift: 12, indexBits: 9, topIndexBits: 9, entryBytes: 8, virtualBits: 57,
    physicalBits: 52, leafLevels: 0b11100)

  /// ARMv7-A short descriptors: 1 MiB sections, 16 MiB supersections, 64 KiB large and 4 KiB small pages.
  public static let arm = TranslationScheme(
    "arm", .armShort, levels: 2, pageShift: 12, indexBits: 8, topIndexBits: 12, entryBytes: 4, virtualBits: 32,
    physicalBits: 40, leafLevels: 0b11)

  /// ARMv8-A with a granule of 4, 16 or 64 KiB; `nil` for other granules and for address sizes it can't have.
  ///
  /// Levels and shifts follow ARM64_HW_PGTABLE_LEVELS and ARM64_HW_PGTABLE_LEVEL_SHIFT, Linux 6.1.
  public static func arm64(granule: UInt64 = 4096, virtualAddressBits bits: Int = 48, half: Half = .low)
    -> TranslationScheme?
  {
    guard let shift = [4096: 12, 16384: 14, 65536: 16][granule], half != .whole else { return nil }
    guard bits >= 36, bits <= 48 else { return nil }
    let indexBits = shift - 3
    let levels = (bits - 4) / indexBits
    let top = bits - shift - indexBits * (levels - 1)
    // Blocks: 1 GiB and 2 MiB with 4 KiB granules, one size with the others.
    let blockLevels = shift == 12 ? 2 : 1
    var leaves: UInt8 = 0
    for level in 0..<levels where levels - 1 - level <= blockLevels { leaves |= 1 << UInt8(level) }
    let name = "arm64-\(granule / 1024)k" + (bits == 48 ? "" : "-\(bits)")
    return TranslationScheme(
      name, .arm64, half: half, levels: levels, pageShift: shift, indexBits: indexBits, topIndexBits: top,
      entryBytes: 8, virtualBits: bits, physicalBits: 48, leafLevels: leaves)
  }

  private static let arm64Sizes: [(granule: UInt64, bits: Int)] = [
    (4096, 48), (4096, 39), (16384, 48), (16384, 47), (16384, 36), (65536, 48), (65536, 42),
  ]

  /// The schemes that have names, for one half of the addresses of ARM64.
  public static func all(half: Half = .low) -> [TranslationScheme] {
    [ia32, pae, x86_64, x86_64FiveLevel, arm]
      + arm64Sizes.compactMap { arm64(granule: $0.granule, virtualAddressBits: $0.bits, half: half) }
  }

  /// The scheme of a name; `half` matters to ARM64 only.
  public init?(named name: String, half: Half = .low) {
    guard let scheme = Self.all(half: half).first(where: { $0.name == name }) else { return nil }
    self = scheme
  }
}
