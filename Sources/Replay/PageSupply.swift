import KernelTypes
import TraceEvents

/// The pages a replay runs on.
struct PageSupply: ~Copyable {
  var next: UInt64 = 1 << 20
  var freeBlocks = [[UInt64]](repeating: [], count: 12)
  mutating func allocate(order: Int, cpu: Int) -> UInt64? {
    if let f = freeBlocks[order].popLast() { return f }
    defer { next += 1 << UInt64(order) }
    next = ((next + (1 << UInt64(order)) - 1) >> UInt64(order)) << UInt64(order)
    return next
  }
  mutating func free(frame: UInt64, order: Int, cpu: Int) { freeBlocks[order].append(frame) }
  mutating func taken(_ batch: borrowing EventBatch, _ row: Int) {}
  mutating func givenBack(_ batch: borrowing EventBatch, _ row: Int) {}
  mutating func claim(address: UInt64, cpu: Int) {}
}
