import KernelTypes

extension PageTable {
  /// Removes a table of a level below the first, with all that is below it; returns how many pages went.
  ///
  /// What its entries mapped is the caller's to let go.
  func removeTable(_ address: UInt64, level: Int, frames: inout some FrameSupplier & ~Copyable) -> Int {
    var node = root
    for current in 0..<level - 1 {
      guard let child = node.child(link(index(address, current))) else { return 0 }
      node = child
    }
    let index = index(address, level - 1)
    guard let child = node.child(link(index)) else { return 0 }
    let before = tablePageCount
    removeChildren(child, level, &frames)
    remove(child, node, level - 1, index, &frames)
    return before - tablePageCount
  }

  private func removeChildren(_ node: TableNode, _ level: Int, _ frames: inout some FrameSupplier & ~Copyable) {
    for link in 0..<node.header.pointee.linkCount {
      guard let child = node.child(link) else { continue }
      removeChildren(child, level + 1, &frames)
      remove(child, node, level, scheme.isPaired ? 2 * link : link, &frames)
    }
  }

  /// Moves a table of the last level to another place, which has none but has the tables above it.
  ///
  /// Follows `move_normal_pmd` in mm/mremap.c, Linux 6.1.
  func moveLastTable(from old: UInt64, to new: UInt64) {
    let parentLevel = scheme.levelCount - 2
    guard let (source, from) = parent(old, parentLevel), let child = source.child(link(from)),
      let (target, to) = parent(new, parentLevel), target.child(link(to)) == nil
    else { return }
    lastTables.invalidate()
    for half in scheme.isPaired ? 0..<2 : 0..<1 {
      let (old, new) = scheme.isPaired ? (from & ~1 | half, to & ~1 | half) : (from, to)
      setEntry(target, parentLevel, new, entry(source, parentLevel, old))
      setEntry(source, parentLevel, old, 0)
    }
    target.setChild(link(to), child)
    source.setChild(link(from), nil)
    target.header.pointee.used += 1
    source.header.pointee.used -= 1
  }

  private func parent(_ address: UInt64, _ level: Int) -> (TableNode, Int)? {
    var node = root
    for current in 0..<level {
      guard let child = node.child(link(index(address, current))) else { return nil }
      node = child
    }
    return (node, index(address, level))
  }
}
