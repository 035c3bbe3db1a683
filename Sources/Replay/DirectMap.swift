public import TraceEvents

/// Finds where the kernel's direct map lies: the distance between an object's virtual page number and its page frame.
///
/// An object address says which page holds it only when this distance is known, and kernels choose the start of the map
/// at random (KASLR). It shows in the trace itself: the first object on a new slab lies in the block that the same CPU
/// got just before. Each such pair votes, and the first distance with enough votes wins.
public struct DirectMap: ~Copyable {
  /// Votes needed before a distance is believed.
  public static let neededVotes = 8
  // Distances are multiples of 2 MiB of pages on every architecture that Linux runs on with such a map.
  private static let alignment: UInt64 = 512

  private let pageShift: UInt64
  private var lastBlock: [UInt64] = []
  private var votes: [UInt64: Int] = [:]
  /// The distance in pages, once known.
  public private(set) var pageOffset: UInt64?

  public init(pageSize: Int) {
    pageShift = UInt64(max(pageSize, 1).trailingZeroBitCount)
  }

  /// Looks at the events of a batch; returns whether the distance is known.
  public mutating func consume(_ batch: borrowing EventBatch) -> Bool {
    for row in 0..<batch.count where pageOffset == nil {
      let kind = batch.kind[row]
      let cpu = Int(batch.cpu[row])
      if kind == .mmPageAlloc {
        while lastBlock.count <= cpu { lastBlock.append(.max) }
        lastBlock[cpu] = batch.address[row]
      } else if kind.isObjectAllocation, cpu < lastBlock.count, lastBlock[cpu] != .max {
        let page = batch.address[row] >> pageShift
        let offset = page &- lastBlock[cpu]
        lastBlock[cpu] = .max
        if offset % Self.alignment == 0, offset != 0 {
          let count = (votes[offset] ?? 0) + 1
          votes[offset] = count
          if count >= Self.neededVotes { pageOffset = offset }
        }
      }
    }
    return pageOffset != nil
  }

  /// The distance with the most votes, if there was any vote.
  public var bestGuess: UInt64? {
    pageOffset ?? votes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }
}
