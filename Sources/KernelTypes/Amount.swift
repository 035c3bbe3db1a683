/// So many objects and their bytes: what callers asked for, and what the allocator gave them.
///
/// Sums wrap instead of trapping; each object is below 4 GiB, so no trace reaches that.
@frozen
public struct Amount: Sendable, Hashable, BitwiseCopyable {
  public var objects: UInt64 = 0
  /// Bytes asked for (`bytes_req`).
  public var requestedBytes: UInt64 = 0
  /// Bytes given (`bytes_alloc`).
  public var allocatedBytes: UInt64 = 0

  public init(objects: UInt64 = 0, requestedBytes: UInt64 = 0, allocatedBytes: UInt64 = 0) {
    self.objects = objects
    self.requestedBytes = requestedBytes
    self.allocatedBytes = allocatedBytes
  }

  /// Bytes given beyond what was asked for; negative only if a trace says that less was given.
  public var wastedBytes: Int64 { Int64(bitPattern: allocatedBytes &- requestedBytes) }

  /// Wasted bytes in percent of allocated bytes, rounded to two places; 0 when nothing is allocated.
  public var wastedPercent: Double {
    if allocatedBytes == 0 { return 0 }
    return (Double(wastedBytes) / Double(allocatedBytes) * 10000).rounded() / 100
  }

  public static func + (left: Amount, right: Amount) -> Amount {
    var sum = left
    sum.add(right)
    return sum
  }

  /// Adds another amount.
  public mutating func add(_ other: Amount) {
    objects &+= other.objects
    requestedBytes &+= other.requestedBytes
    allocatedBytes &+= other.allocatedBytes
  }

  public static func - (left: Amount, right: Amount) -> Amount {
    Amount(
      objects: left.objects &- right.objects, requestedBytes: left.requestedBytes &- right.requestedBytes,
      allocatedBytes: left.allocatedBytes &- right.allocatedBytes)
  }

  /// Adds one object.
  @inlinable
  public mutating func addObject(_ requested: some FixedWidthInteger, _ allocated: some FixedWidthInteger) {
    objects &+= 1
    requestedBytes &+= UInt64(truncatingIfNeeded: requested)
    allocatedBytes &+= UInt64(truncatingIfNeeded: allocated)
  }

  /// Takes one object off.
  @inlinable
  public mutating func removeObject(_ requested: some FixedWidthInteger, _ allocated: some FixedWidthInteger) {
    objects &-= 1
    requestedBytes &-= UInt64(truncatingIfNeeded: requested)
    allocatedBytes &-= UInt64(truncatingIfNeeded: allocated)
  }
}

extension Amount: Codable {
  private enum CodingKeys: String, CodingKey {
    case objects, requestedBytes, allocatedBytes, wastedBytes, wastedPercent
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      objects: try container.decode(UInt64.self, forKey: .objects),
      requestedBytes: try container.decode(UInt64.self, forKey: .requestedBytes),
      allocatedBytes: try container.decode(UInt64.self, forKey: .allocatedBytes))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(objects, forKey: .objects)
    try container.encode(requestedBytes, forKey: .requestedBytes)
    try container.encode(allocatedBytes, forKey: .allocatedBytes)
    try container.encode(wastedBytes, forKey: .wastedBytes)
    try container.encode(wastedPercent, forKey: .wastedPercent)
  }
}
