import Glibc

/// The symbols of a kernel that a trace file holds (`/proc/kallsyms`), to name addresses as that kernel would.
///
/// Unlike `SymbolTable` it gives the size of a symbol too, which is the distance to the next one, because the kernel's
/// `%pS` prints it: follows get_symbol_pos in kernel/kallsyms.c. Names are looked up in the text when they are needed.
struct KernelSymbols: Sendable {
  /// Symbols farther apart than this have something unnamed between them.
  private static let reach: UInt64 = 16 << 20

  private let text: [UInt8]
  private let addresses: [UInt64]
  /// Where each symbol's line begins in `text`.
  private let lines: [UInt32]

  /// The number of distinct addresses.
  var count: Int { addresses.count }

  /// Reads lines such as `ffffffff81000000 T _text` and, for modules, `ffffffffc0000000 t init [ext4]`.
  init(_ text: [UInt8]) {
    self.text = text
    var found: [(address: UInt64, line: UInt32)] = []
    found.reserveCapacity(text.count / 40)
    text.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress, bytes.count < Int(UInt32.max) else { return }
      let end = start + bytes.count
      var line = start
      while line < end {
        let lineEnd = memchr(line, 10, end - line).map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) } ?? end
        var cursor = line
        var trouble = NumberTrouble.none
        let address = Numbers.hex(&cursor, lineEnd, &trouble)
        if trouble == .none, address != 0, lineEnd - cursor > 3, cursor.pointee == UInt8(ascii: " ") {
          found.append((address, UInt32(line - start)))
        }
        line = lineEnd + 1
      }
    }
    // Of several names of an address the kernel prints the first, so the sort must be stable.
    found.sort { ($0.address, $0.line) < ($1.address, $1.line) }
    var addresses: [UInt64] = []
    var lines: [UInt32] = []
    addresses.reserveCapacity(found.count)
    lines.reserveCapacity(found.count)
    for entry in found where addresses.last != entry.address {
      addresses.append(entry.address)
      lines.append(entry.line)
    }
    self.addresses = addresses
    self.lines = lines
  }

  /// `symbol+0xoffset/0xsize`, with ` [module]` behind it for a module's; `nil` if no symbol is near.
  func callSite(_ address: UInt64) -> String? {
    guard let found = find(address) else { return nil }
    let offset = address - addresses[found]
    let (name, module) = names(found)
    let text = name + "+0x" + String(offset, radix: 16) + "/0x" + String(size(found), radix: 16)
    return module.isEmpty ? text : text + " " + module
  }

  /// The symbol's name alone, as stack traces have it; `nil` if no symbol is near.
  func function(_ address: UInt64) -> String? { find(address).map { names($0).name } }

  private func find(_ address: UInt64) -> Int? {
    var low = 0
    var high = addresses.count
    while low < high {
      let middle = (low + high) / 2
      if addresses[middle] <= address { low = middle + 1 } else { high = middle }
    }
    guard low > 0, address - addresses[low - 1] < min(size(low - 1), Self.reach) else { return nil }
    return low - 1
  }

  private func size(_ index: Int) -> UInt64 {
    if index + 1 < addresses.count { return addresses[index + 1] - addresses[index] }
    // Nothing tells where the last one ends but that code is mapped in whole pages.
    return (addresses[index] | 0xFFF) + 1 - addresses[index]
  }

  private func names(_ index: Int) -> (name: String, module: String) {
    let line = text[Int(lines[index])...].prefix { $0 != UInt8(ascii: "\n") }
    let fields = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
    guard fields.count >= 3 else { return ("", "") }
    let name = String(decoding: fields[2], as: UTF8.self)
    return (name, fields.count > 3 ? String(decoding: fields[3], as: UTF8.self) : "")
  }
}
