/// Objects and their bytes: what was asked for, and what the allocator's slots take.
public struct Amount: Sendable, Hashable {
  public var objects: UInt64 = 0
  public var requestedBytes: UInt64 = 0
  public var allocatedBytes: UInt64 = 0

  public init(objects: UInt64 = 0, requestedBytes: UInt64 = 0, allocatedBytes: UInt64 = 0) {
    self.objects = objects
    self.requestedBytes = requestedBytes
    self.allocatedBytes = allocatedBytes
  }

  @inline(__always)
  mutating func add(requested: UInt64, allocated: UInt64) {
    objects &+= 1
    requestedBytes &+= requested
    allocatedBytes &+= allocated
  }

  @inline(__always)
  mutating func remove(requested: UInt64, allocated: UInt64) {
    objects &-= 1
    requestedBytes &-= requested
    allocatedBytes &-= allocated
  }

  static func - (left: Amount, right: Amount) -> Amount {
    Amount(
      objects: left.objects &- right.objects, requestedBytes: left.requestedBytes &- right.requestedBytes,
      allocatedBytes: left.allocatedBytes &- right.allocatedBytes)
  }
}
