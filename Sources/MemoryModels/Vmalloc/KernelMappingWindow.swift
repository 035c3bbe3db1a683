public import KernelTypes

/// The few addresses through which `kmap` shows pages of high memory, on 32-bit kernels.
///
/// Slots are handed out in turn. One that is let go keeps its page until the turn comes round, when all that are let go
/// are emptied at once and every CPU forgets them. Follows `map_new_virtual`, `flush_all_zero_pkmaps` and `kunmap_high` in
/// mm/highmem.c, Linux 6.1.
public struct KernelMappingWindow: Sendable {
  /// The first address.
  public let base: UInt64
  public let slotCount: Int
  /// Bytes in a page.
  public let pageSize: UInt64
  /// How often all slots that were let go were emptied.
  public private(set) var flushes = 0

  // 0: empty. 1: let go, still mapped. n: used n − 1 times.
  private var uses: [Int]
  private var frames: [PageFrame]
  private var slots: [PageFrame: Int] = [:]
  private var last = 0

  public init(base: UInt64, slotCount: Int, pageSize: UInt64 = 4096) {
    self.base = base
    self.slotCount = max(slotCount, 1)
    self.pageSize = pageSize
    uses = Array(repeating: 0, count: self.slotCount)
    frames = Array(repeating: PageFrame(0), count: self.slotCount)
  }

  /// Slots in use.
  public var usedSlots: Int { uses.count { $0 > 1 } }

  /// Maps a page, again if it is mapped already, and returns its address; `nil` where the kernel would wait for a slot.
  public mutating func map(_ frame: PageFrame) -> UInt64? {
    if let slot = slots[frame] {
      uses[slot] += 1
      return address(slot)
    }
    var left = slotCount
    repeat {
      last = (last + 1) % slotCount
      if last == 0 {
        flush()
        left = slotCount
      }
      if uses[last] == 0 {
        uses[last] = 2
        frames[last] = frame
        slots[frame] = last
        return address(last)
      }
      left -= 1
    } while left > 0
    return nil
  }

  /// Lets a page go; false if it is not in use.
  @discardableResult
  public mutating func unmap(_ frame: PageFrame) -> Bool {
    guard let slot = slots[frame], uses[slot] > 1 else { return false }
    uses[slot] -= 1
    return true
  }

  private func address(_ slot: Int) -> UInt64 { base + UInt64(slot) * pageSize }

  private mutating func flush() {
    flushes += 1
    for slot in 0..<slotCount where uses[slot] == 1 {
      uses[slot] = 0
      slots[frames[slot]] = nil
    }
  }

  /// What is wrong with the window, if anything.
  public func checkInvariants() -> String? {
    let mapped = uses.indices.filter { uses[$0] > 0 }
    if mapped.count != slots.count { return "\(mapped.count) slots are mapped, \(slots.count) pages have one" }
    for slot in mapped where slots[frames[slot]] != slot { return "slot \(slot) shows a page that has another" }
    return nil
  }
}
