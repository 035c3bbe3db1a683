public import KernelTypes
public import ProcSnapshots

/// The free memory of a zone, and how fragmented it is.
public struct ZoneFragmentation: Sendable {
  /// Free blocks of one migrate type, from order 0; a capped count is the least there can be.
  public struct TypeBlocks: Sendable {
    public var type: String
    public var freeBlocks: [PageTypeInfo.Count]
  }

  /// The marks of free pages, boost included, as /proc/zoneinfo prints them.
  public struct Marks: Sendable {
    public var minimum: Int
    public var low: Int
    public var high: Int
    /// Pages of it that are temporary.
    public var boost: Int
  }

  public var id: ZoneID
  public var index: FragmentationIndex
  public var types: [TypeBlocks]
  public var marks: Marks?

  /// The zones of a snapshot's buddyinfo; without it, those whose blocks pagetypeinfo adds up.
  public static func all(_ snapshot: Snapshot) -> [ZoneFragmentation] {
    let zones = snapshot.buddyInfo?.zones.map { ($0.id, $0.freeBlocks) } ?? sums(snapshot.pageTypeInfo)
    return zones.map { id, freeBlocks in
      let lists = snapshot.pageTypeInfo?.freeLists.filter { $0.id == id } ?? []
      let info = snapshot.zoneInfo?.zones.first { $0.id == id }
      var marks: Marks?
      if let info, let minimum = info["min"], let low = info["low"], let high = info["high"] {
        marks = Marks(minimum: minimum, low: low, high: high, boost: info["boost"] ?? 0)
      }
      return ZoneFragmentation(
        id: id, index: FragmentationIndex(freeBlocks: freeBlocks),
        types: lists.map { TypeBlocks(type: $0.type, freeBlocks: $0.freeBlocks) }, marks: marks)
    }
  }

  private static func sums(_ info: PageTypeInfo?) -> [(ZoneID, [UInt64])] {
    var zones: [(id: ZoneID, blocks: [UInt64])] = []
    for list in info?.freeLists ?? [] {
      let blocks = list.freeBlocks.map(\.blocks)
      if let index = zones.firstIndex(where: { $0.id == list.id }), zones[index].blocks.count == blocks.count {
        for order in blocks.indices { zones[index].blocks[order] &+= blocks[order] }
      } else {
        zones.append((list.id, blocks))
      }
    }
    return zones.map { ($0.id, $0.blocks) }
  }

  public var orders: Range<Int> { index.freeBlocks.indices }
  /// Thousandths, from order 0.
  public var fragmentationIndices: [Int] { orders.map(index.fragmentationIndex) }
  /// Thousandths, from order 0.
  public var unusableIndices: [Int] { orders.map(index.unusableFreeIndex) }

  /// The same zone without blocks that ordinary requests can't use; `nil` if nothing tells them apart.
  public var ordinary: FragmentationIndex? {
    if types.isEmpty { return nil }
    var blocks = index.freeBlocks
    for list in types where ["HighAtomic", "Isolate", "Reserve"].contains(list.type) {
      for (order, count) in list.freeBlocks.enumerated() where blocks.indices.contains(order) {
        blocks[order] -= min(count.blocks, blocks[order])
      }
    }
    return FragmentationIndex(freeBlocks: blocks)
  }
}
