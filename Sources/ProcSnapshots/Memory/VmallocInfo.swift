/// `/proc/vmallocinfo`: the kernel's virtual areas. Root reads it; with `kptr_restrict` addresses are zeros or hashes.
///
/// Follows `s_show` in mm/vmalloc.c, Linux 6.1.
public struct VmallocInfo: KernelFile {
  public enum Attribute: Hashable, Sendable {
    case pages(UInt64)
    case physical(HexNumber, hasPrefix: Bool)
    /// `N0=12`: pages on a node.
    case node(UInt64, pages: UInt64)
    /// Such as `vmalloc`, `ioremap`, `vmap`, `user`, `dma-coherent`, `vpages`.
    case flag(String)
  }

  public struct Area: Hashable, Sendable {
    public var start: HexNumber
    public var end: HexNumber
    /// Bytes, guard page included.
    public var size: UInt64
    /// Who asked for it; `nil` for lines without a caller.
    public var caller: String?
    public var attributes: [Attribute]

    /// Pages that back the area, if it says.
    public var pages: UInt64? {
      for case .pages(let count) in attributes { return count }
      return nil
    }

    /// Freed, and not yet taken out of the page tables.
    public var isUnpurged: Bool { attributes == [.flag("unpurged"), .flag("vm_area")] }
    /// From `vm_map_ram`.
    public var isMapRAM: Bool { attributes == [.flag("vm_map_ram")] }
  }

  public var areas: [Area]
  public var damage = FileDamage()

  /// Whether ends do not match sizes: the kernel hashed or hid the addresses.
  public var hasHiddenAddresses: Bool {
    areas.contains { $0.end.value &- $0.start.value != $0.size }
  }

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    areas = try text.rows("0xffffc90000000000-0xffffc90000005000   20480 caller+0x97/0xcd pages=4 vmalloc") {
      $0.vmallocArea()
    }
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for area in areas {
      writer.put("0x")
      writer.hexadecimal(area.start)
      writer.put("-0x")
      writer.hexadecimal(area.end)
      writer.put(" ")
      writer.decimal(area.size, 7)
      if let caller = area.caller { writer.put(" " + caller) }
      for attribute in area.attributes {
        writer.put(" ")
        switch attribute {
        case .pages(let count): writer.put("pages=\(count)")
        case .physical(let address, let hasPrefix):
          writer.put(hasPrefix ? "phys=0x" : "phys=")
          writer.hexadecimal(address)
        case .node(let node, let pages): writer.put("N\(node)=\(pages)")
        case .flag(let name): writer.put(name)
        }
      }
      writer.newline()
    }
    return writer.bytes
  }
}

extension FieldCursor {
  fileprivate mutating func vmallocArea() -> VmallocInfo.Area? {
    guard take("0x"), let start = hexadecimal(), take("-0x"), let end = hexadecimal(), let size = paddedDecimal()
    else { return nil }
    var area = VmallocInfo.Area(start: start, end: end, size: size, attributes: [])
    while skipBlanks() > 0, !isAtEnd {
      if take("phys=") {
        let hasPrefix = take("0x")
        guard let address = hexadecimal() else { return nil }
        area.attributes.append(.physical(address, hasPrefix: hasPrefix))
      } else if take("pages=") {
        guard let count = decimal(), count <= countLimit else { return nil }
        area.attributes.append(.pages(count))
      } else {
        guard let word = word() else { return nil }
        // A caller is `symbol+0x1/0x2`, perhaps with ` [module]`, or a raw address.
        let isCaller = word.contains("+0x") || word.hasPrefix("0x") || word.hasPrefix("[")
        if isCaller, area.attributes.isEmpty {
          area.caller = area.caller.map { $0 + " " + word } ?? word
        } else if let node = Self.node(word) {
          area.attributes.append(node)
        } else {
          area.attributes.append(.flag(word))
        }
      }
    }
    return area
  }

  private static func node(_ word: String) -> VmallocInfo.Attribute? {
    guard word.first == "N", let equals = word.firstIndex(of: "="),
      let node = UInt64(word[word.index(after: word.startIndex)..<equals]),
      let pages = UInt64(word[word.index(after: equals)...]), pages <= countLimit, "N\(node)=\(pages)" == word
    else { return nil }
    return .node(node, pages: pages)
  }
}
