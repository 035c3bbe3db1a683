/// A line of a trace, and forty of them as the zstd and gzip programs pack them.
enum PackedSamples {
  static let line =
    "            bash-8242    [003] d..1.  1423.994636: kfree: call_site=f+0x10/0x20 ptr=ffff888160ea3500\n"
  static let lineCount = 40
  static let text = Array(String(repeating: line, count: lineCount).utf8)

  /// `zstd -19 --check`.
  static let zstd = bytes(
    """
    28b52ffd0468dd020072451317706f0e98a06e41dc2edfff3fe2b2bfb75482f62cfd35bcc04f3018eff4bde71c9435f97b7d
    b85e0f9c235a50a54812646cc44839910dc75c2b8a64dbd44ecd6c9cb01fb1ed6dfb84a7828b030300604783ff0900c70042
    8d3cdad1
    """)

  /// `gzip`.
  static let gzip = bytes(
    """
    1f8b08000000000002ffedcd3d0e82400044e1de534c6f5c677fdc2c249cc418b3c06e345218a0e0f868e5052ce775affa80
    5f7d5e1ea7e482fbce95f4378cc65803d8e0bc699a107d6cf1aa73292d863c4df7e5b996ae1eb9599eb939e2bdce5dfd9452
    b29125fb0b798010214284081122448810214284081122e41fc80ee114c8dfc80f0000
    """)

  private static func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.filter { !$0.isWhitespace }.compactMap { $0.hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  /// A zstd frame whose only block holds `text` as it is (RFC 8878, 3.1.1): a frame of any size without an encoder.
  static func storedZstd(_ text: [UInt8]) -> [UInt8] {
    var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xA0]
    frame += (0..<4).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) }
    var rest = text[...]
    repeat {
      let block = rest.prefix(1 << 16)
      rest = rest.dropFirst(1 << 16)
      let header = block.count << 3 | (rest.isEmpty ? 1 : 0)
      frame += (0..<3).map { UInt8(truncatingIfNeeded: header >> ($0 * 8)) }
      frame += block
    } while !rest.isEmpty
    return frame
  }
}
