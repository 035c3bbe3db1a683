/// The named bits of an entry, from bit 0 up, without gaps.
///
/// Names are those of the processors' manuals, with Linux's for the bits that are software's. Follows the Intel 64 manual,
/// volume 3, tables 4-4 to 4-20; the ARMv7-A manual, B3.5; the Armv8-A manual, D5.3; and Linux 6.1 for what it keeps in the
/// software bits.
public struct EntryLayout: Hashable, Sendable {
  /// What an entry is for.
  public enum Kind: String, Hashable, Sendable {
    case absent
    case table
    /// A page in the last level's table.
    case page
    /// A page in an earlier table.
    case block
  }

  /// A run of bits.
  public struct Field: Hashable, Sendable {
    public var name: String
    /// The lowest bit.
    public var bit: Int
    public var width: Int
    /// Whether it is part of a physical address.
    public var isAddress: Bool

    /// The field's bits of an entry, moved down to bit 0.
    public func value(_ raw: UInt64) -> UInt64 { raw >> UInt64(bit) & mask }

    var mask: UInt64 { width == 64 ? ~0 : (1 << UInt64(width)) - 1 }
  }

  public var kind: Kind
  public var fields: [Field]
  /// 32 or 64.
  public var bits: Int

  init(_ kind: Kind, bits: Int, _ parts: [(name: String, width: Int)]) {
    self.kind = kind
    self.bits = bits
    fields = []
    var bit = 0
    for part in parts {
      let isAddress = part.name.hasPrefix("@")
      fields.append(
        Field(
          name: isAddress ? String(part.name.dropFirst()) : part.name, bit: bit, width: part.width, isAddress: isAddress
        ))
      bit += part.width
    }
    if bit < bits { fields.append(Field(name: "ignored", bit: bit, width: bits - bit, isAddress: false)) }
  }

  /// The values of all fields of an entry, by their order.
  public func decode(_ raw: UInt64) -> [(field: Field, value: UInt64)] { fields.map { ($0, $0.value(raw)) } }

  /// The entry that has these values in its fields; what is not named is zero, and values are cut to their width.
  ///
  /// Fields that share a name take the first, second, … value of that name.
  public func encode(_ values: [(name: String, value: UInt64)]) -> UInt64 {
    var rest = values
    var raw: UInt64 = 0
    for field in fields {
      guard let index = rest.firstIndex(where: { $0.name == field.name }) else { continue }
      raw |= (rest.remove(at: index).value & field.mask) << UInt64(field.bit)
    }
    return raw
  }

  /// The names of single bits that are set, and of wider fields with their value; no addresses.
  public func words(_ raw: UInt64) -> [String] {
    fields.compactMap { field in
      let value = field.value(raw)
      if field.isAddress || value == 0 { return nil }
      return field.width == 1 ? field.name : "\(field.name)=\(value < 10 ? "" : "0x")\(String(value, radix: 16))"
    }
  }
}

extension TranslationScheme {
  /// What an entry of a level is.
  public func entryKind(_ raw: UInt64, level: Int) -> EntryLayout.Kind {
    let isLast = level == levelCount - 1
    switch format {
    case .ia32, .pae, .x86_64:
      if raw & X86Entry.present == 0 { return .absent }
      if isLast { return .page }
      return raw & X86Entry.pageSize != 0 && canMapPage(level) ? .block : .table
    case .armShort:
      if raw & 3 == 0 { return .absent }
      if isLast { return .page }
      return raw & 2 != 0 ? .block : .table
    case .arm64:
      if raw & 1 == 0 { return .absent }
      if isLast { return raw & 2 != 0 ? .page : .absent }
      if raw & 2 != 0 { return .table }
      return canMapPage(level) ? .block : .absent
    }
  }

  /// The named bits of an entry of a level.
  public func layout(_ raw: UInt64, level: Int) -> EntryLayout {
    let kind = entryKind(raw, level: level)
    let bits = entryBytes * 8
    if kind == .absent {
      return EntryLayout(.absent, bits: bits, [("present", 1), ("software", bits - 1)])
    }
    switch format {
    case .ia32: return ia32Layout(kind)
    case .pae, .x86_64: return wideLayout(kind, level)
    case .armShort: return armLayout(kind, raw)
    case .arm64: return arm64Layout(kind, level)
    }
  }

  private static let x86Low: [(String, Int)] = [
    ("present", 1), ("writable", 1), ("user", 1), ("pwt", 1), ("pcd", 1), ("accessed", 1),
  ]

  private func ia32Layout(_ kind: EntryLayout.Kind) -> EntryLayout {
    switch kind {
    case .table:
      EntryLayout(kind, bits: 32, Self.x86Low + [("ignored", 1), ("page-size", 1), ("software", 4), ("@table", 20)])
    case .block:
      EntryLayout(
        kind, bits: 32,
        Self.x86Low + [
          ("dirty", 1), ("page-size", 1), ("global", 1), ("software", 3), ("pat", 1), ("@physical-39..32", 8),
          ("reserved", 1), ("@physical", 10),
        ])
    default:
      EntryLayout(
        kind, bits: 32,
        Self.x86Low + [("dirty", 1), ("pat", 1), ("global", 1), ("software", 3), ("@physical", 20)])
    }
  }

  private func wideLayout(_ kind: EntryLayout.Kind, _ level: Int) -> EntryLayout {
    let high: [(String, Int)] =
      format == .pae
      ? [("reserved", 11), ("no-execute", 1)]
      : kind == .table
        ? [("ignored", 11), ("no-execute", 1)] : [("software", 7), ("protection-key", 4), ("no-execute", 1)]
    if kind == .table {
      if format == .pae, level == 0 {
        return EntryLayout(
          kind, bits: 64,
          [
            ("present", 1), ("reserved", 2), ("pwt", 1), ("pcd", 1), ("reserved", 4), ("software", 3), ("@table", 40),
            ("reserved", 12),
          ])
      }
      return EntryLayout(
        kind, bits: 64, Self.x86Low + [("ignored", 1), ("page-size", 1), ("software", 4), ("@table", 40)] + high)
    }
    let shift = shift(level)
    if kind == .page {
      return EntryLayout(
        kind, bits: 64,
        Self.x86Low + [("dirty", 1), ("pat", 1), ("global", 1), ("software", 3), ("@physical", 40)] + high)
    }
    return EntryLayout(
      kind, bits: 64,
      Self.x86Low + [
        ("dirty", 1), ("page-size", 1), ("global", 1), ("software", 3), ("pat", 1), ("reserved", shift - 13),
        ("@physical", 52 - shift),
      ] + high)
  }

  private func armLayout(_ kind: EntryLayout.Kind, _ raw: UInt64) -> EntryLayout {
    switch kind {
    case .table:
      return EntryLayout(
        kind, bits: 32,
        [
          ("type", 2), ("privileged-no-execute", 1), ("non-secure", 1), ("bit4", 1), ("domain", 4), ("bit9", 1),
          ("@table", 22),
        ])
    case .block:
      let isSuper = raw & 1 << 18 != 0
      let common: [(String, Int)] = [
        ("privileged-no-execute", 1), ("type", 1), ("bufferable", 1), ("cacheable", 1), ("no-execute", 1),
        (isSuper ? "@physical-39..36" : "domain", 4), ("bit9", 1), ("ap", 2), ("tex", 3), ("ap2", 1), ("shareable", 1),
        ("not-global", 1), ("supersection", 1), ("non-secure", 1),
      ]
      return EntryLayout(
        kind, bits: 32, common + (isSuper ? [("@physical-35..32", 4), ("@physical", 8)] : [("@physical", 12)]))
    default:
      if raw & 2 == 0 {
        return EntryLayout(
          kind, bits: 32,
          [
            ("type", 2), ("bufferable", 1), ("cacheable", 1), ("ap", 2), ("bits8..6", 3), ("ap2", 1), ("shareable", 1),
            ("not-global", 1), ("tex", 3), ("no-execute", 1), ("@physical", 16),
          ])
      }
      return EntryLayout(
        kind, bits: 32,
        [
          ("no-execute", 1), ("type", 1), ("bufferable", 1), ("cacheable", 1), ("ap", 2), ("tex", 3), ("ap2", 1),
          ("shareable", 1), ("not-global", 1), ("@physical", 20),
        ])
    }
  }

  private func arm64Layout(_ kind: EntryLayout.Kind, _ level: Int) -> EntryLayout {
    if kind == .table {
      return EntryLayout(
        kind, bits: 64,
        [
          ("type", 2), ("ignored", pageShift - 2), ("@table", 48 - pageShift), ("reserved", 3), ("ignored", 8),
          ("pxn-table", 1), ("uxn-table", 1), ("ap-table", 2), ("ns-table", 1),
        ])
    }
    let shift = shift(level)
    return EntryLayout(
      kind, bits: 64,
      [
        ("type", 2), ("attr-index", 3), ("non-secure", 1), ("user", 1), ("read-only", 1), ("shareability", 2),
        ("accessed", 1), ("not-global", 1), ("reserved", shift - 12), ("@physical", 48 - shift), ("reserved", 3),
        ("dirty-modifier", 1), ("contiguous", 1), ("privileged-no-execute", 1), ("user-no-execute", 1),
        ("software-dirty", 1), ("special", 1), ("software", 2), ("pbha", 4), ("ignored", 1),
      ].filter { $0.1 > 0 })
  }

  /// The names and fields of Linux's copy of a small page's entry on ARM (`L_PTE_*`).
  public static let linuxARMLayout = EntryLayout(
    .page, bits: 32,
    [
      ("valid", 1), ("young", 1), ("memory-type", 4), ("dirty", 1), ("read-only", 1), ("user", 1), ("no-execute", 1),
      ("shared", 1), ("none", 1), ("@physical", 20),
    ])
}
