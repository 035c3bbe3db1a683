/// A memory zone of a node, as all files about zones begin their lines: `Node 0, zone   Normal`.
public struct ZoneID: Hashable, Sendable {
  public var node: Int
  public var zone: String

  public init(node: Int, zone: String) {
    self.node = node
    self.zone = zone
  }
}

extension ZoneID: CustomStringConvertible {
  /// Such as `node 0 DMA32`.
  public var description: String { "node \(node) \(zone)" }
}

extension FieldCursor {
  mutating func zoneID() -> ZoneID? {
    guard take("Node ") else { return nil }
    skipBlanks()
    guard let node = decimal(), node < 1 << 20, take(", zone ") else { return nil }
    skipBlanks()
    guard let zone = word(until: ",") else { return nil }
    return ZoneID(node: Int(node), zone: zone)
  }
}

extension ByteWriter {
  /// `Node %*d, zone %8s`
  mutating func zoneID(_ id: ZoneID, nodeWidth: Int = 0) {
    put("Node ")
    decimal(id.node, nodeWidth)
    put(", zone ")
    right(id.zone, 8)
  }
}

/// The most orders that a line may have; a kernel has 11, with the largest settings 18.
let orderLimit = 20

/// The most blocks or pages that a count may say, so that sums of pages stay far below 63 bits.
let countLimit: UInt64 = 1 << 34

/// The length that most of some rows have; the first one's if it is a tie.
func commonLength(_ lengths: [Int]) -> Int? {
  var counts: [Int: Int] = [:]
  for length in lengths { counts[length, default: 0] += 1 }
  let most = counts.values.max()
  // Among lines that can't outvote each other, those with the orders that nearly all kernels have are right.
  if counts[usualOrders] == most { return usualOrders }
  return lengths.first { counts[$0] == most }
}

/// Orders of the page allocator, unless a kernel is configured with others.
private let usualOrders = 11
