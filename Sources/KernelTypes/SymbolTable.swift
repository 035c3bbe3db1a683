/// The code symbols of a kernel and its modules, from `/proc/kallsyms` or a `System.map`.
public struct SymbolTable: Sendable {
  /// The farthest an address may lie behind the start of a symbol and still be taken as part of it, in bytes.
  public static let reach: UInt64 = 1 << 18

  private let addresses: [UInt64]
  private let names: [String]
  /// Lines that are no symbol.
  public let malformedLines: Int

  /// The number of code symbols.
  public var count: Int { addresses.count }

  init(entries: [(address: UInt64, name: String)], malformedLines: Int) {
    // The first of several names of an address is the one the kernel prints, so the sort must be stable.
    let order = entries.indices.sorted { (entries[$0].address, $0) < (entries[$1].address, $1) }
    var addresses: [UInt64] = []
    var names: [String] = []
    addresses.reserveCapacity(entries.count)
    names.reserveCapacity(entries.count)
    for index in order where addresses.last != entries[index].address {
      addresses.append(entries[index].address)
      names.append(entries[index].name)
    }
    self.addresses = addresses
    self.names = names
    self.malformedLines = malformedLines
  }

  /// The nearest symbol at or below an address, as `symbol+0xoffset` or `symbol+0xoffset [module]`.
  public func symbol(at address: UInt64) -> String? {
    var low = 0
    var high = addresses.count
    while low < high {
      let middle = (low + high) / 2
      if addresses[middle] <= address { low = middle + 1 } else { high = middle }
    }
    if low == 0 { return nil }
    let offset = address - addresses[low - 1]
    if offset >= Self.reach { return nil }
    let name = names[low - 1]
    let suffix = "+0x" + String(offset, radix: 16)
    guard let tab = name.firstIndex(of: "\t") else { return name + suffix }
    return name[..<tab] + suffix + " " + name[name.index(after: tab)...]
  }

  /// What a call site printed as a raw address stands for; `nil` if it is none or no symbol is near.
  public func describe(callSite: String) -> String? {
    var digits = Substring(callSite)
    if digits.hasPrefix("0x") { digits = digits.dropFirst(2) }
    guard digits.utf8.count >= 6, digits.utf8.allSatisfy(Self.isHexadecimal) else { return nil }
    guard let address = UInt64(digits, radix: 16) else { return nil }
    return symbol(at: address)
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    default: false
    }
  }
}

/// Reads a symbol file piece by piece.
///
/// Each line is `address type name` or, for a module's symbol, `address type name [module]`. Only code symbols (types t and
/// w) are kept. Lines that are none are counted.
public struct SymbolTableReader {
  private var entries: [(address: UInt64, name: String)] = []
  private var malformedLines = 0
  private var lines = 0
  private var zeroAddresses = 0
  private var rest: [UInt8] = []

  public init() {}

  /// Whether the file has symbols but hides their addresses, as the kernel does for ordinary users.
  public var hidesAddresses: Bool { zeroAddresses > 0 && zeroAddresses + malformedLines == lines }

  /// Takes in the next bytes of the file.
  public mutating func read(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      if byte == 0x0A {
        endLine()
      } else {
        rest.append(byte)
      }
    }
  }

  /// The symbols, sorted by address.
  public consuming func finish() -> SymbolTable {
    if !rest.isEmpty { endLine() }
    return SymbolTable(entries: entries, malformedLines: malformedLines)
  }

  private mutating func endLine() {
    defer { rest.removeAll(keepingCapacity: true) }
    let fields = rest.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    if fields.isEmpty { return }
    lines += 1
    guard fields.count >= 3, fields[1].count == 1, let type = fields[1].first,
      let address = UInt64(String(decoding: fields[0], as: UTF8.self), radix: 16)
    else {
      malformedLines += 1
      return
    }
    if address == 0 { zeroAddresses += 1 }
    guard type | 0x20 == UInt8(ascii: "t") || type | 0x20 == UInt8(ascii: "w"), address != 0 else { return }
    var name = String(decoding: fields[2], as: UTF8.self)
    if fields.count > 3, fields[3].first == UInt8(ascii: "[") {
      name += "\t" + String(decoding: fields[3], as: UTF8.self)
    }
    entries.append((address, name))
  }
}
