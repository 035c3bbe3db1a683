import KernelTypes
import TraceEvents

/// The pages a replay runs on.
struct PageSupply: ~Copyable {
  var next: UInt64 = 1 << 20
  var freeBlocks = [[UInt64]](repeating: [], count: 12)
  var freePages: UInt64 = 0
  mutating func allocate(order: Int, cpu: Int) -> UInt64? {
    if let f = freeBlocks[order].popLast() { return f }
    defer { next += 1 << UInt64(order) }
    next = ((next + (1 << UInt64(order)) - 1) >> UInt64(order)) << UInt64(order)
    return next
  }
  mutating func background(order: Int, migrateType: UInt8, gfp: StringID, cpu: Int) -> UInt64 { PageClassifier.noFrame }
  mutating func free(frame: UInt64, order: Int, cpu: Int) { freeBlocks[order].append(frame) }
}
