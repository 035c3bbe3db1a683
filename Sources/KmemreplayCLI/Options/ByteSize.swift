import ArgumentParser

/// An amount of bytes as people and kernel command lines write it: `5000`, `546M`, `1G`, `64KiB`, `0x100000`.
struct ByteSize: ExpressibleByArgument, Equatable {
  var bytes: UInt64

  init?(argument: String) {
    var text = argument.lowercased()[...]
    if text.hasPrefix("0x") {
      guard let value = UInt64(text.dropFirst(2), radix: 16) else { return nil }
      bytes = value
      return
    }
    for suffix in ["ib", "b"] where text.hasSuffix(suffix) {
      text = text.dropLast(suffix.count)
      break
    }
    let shifts: [Character: UInt64] = ["k": 10, "m": 20, "g": 30, "t": 40]
    var shift: UInt64 = 0
    if let last = text.last, let found = shifts[last] {
      shift = found
      text = text.dropLast()
    }
    guard let value = UInt64(text), value <= UInt64.max >> shift else { return nil }
    bytes = value << shift
  }
}
