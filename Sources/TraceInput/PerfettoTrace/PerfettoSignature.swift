/// Tells a Perfetto trace by its first bytes: a row of `TracePacket` messages, which has no magic number.
enum PerfettoSignature {
  // TracePacket's fields have numbers up to about 140; 900 and 1000 and above are tests and extensions.
  private static let fieldLimit: UInt64 = 2048

  /// Whether `head` is a row of packets from its first byte on, as far as it goes, whose fields are well formed.
  static func isBeginning(_ head: [UInt8]) -> Bool {
    head.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress, bytes.count > 2 else { return false }
      var row = WireCursor(start, start + bytes.count)
      while !row.isAtEnd {
        guard row.varint() == fieldKey(1, WireCursor.WireType.bytes) else { return false }
        let length = row.varint()
        if row.isDamaged || length == 0 { return false }
        let rest = row.end - row.next
        if length <= UInt64(rest) {
          guard isPacket(WireCursor(row.next, row.next + Int(length))) else { return false }
          row.next += Int(length)
        } else {
          // The head ends inside this packet: whatever lies wholly in it must be a field.
          return isPacketBeginning(WireCursor(row.next, row.end))
        }
      }
      return true
    }
  }

  private static func isPacket(_ packet: WireCursor) -> Bool {
    var packet = packet
    while !packet.isAtEnd {
      let key = packet.varint()
      guard (1...fieldLimit).contains(key >> 3) else { return false }
      packet.skip(key)
    }
    return !packet.isDamaged
  }

  private static func isPacketBeginning(_ packet: WireCursor) -> Bool {
    var packet = packet
    while !packet.isAtEnd {
      let key = packet.varint()
      if packet.isDamaged { return true }
      guard (1...fieldLimit).contains(key >> 3), key & 7 != 3, key & 7 != 4, key & 7 < 6 else { return false }
      packet.skip(key)
      if packet.isDamaged { return true }
    }
    return true
  }
}
