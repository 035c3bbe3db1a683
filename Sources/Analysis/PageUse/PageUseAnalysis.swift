public import KernelTypes
public import TraceEvents

/// Sums up the page events of a trace by task and by stack: pages taken, and pages held at the end.
///
/// Feed it each part of each batch in order, then call `finish`. Memory follows the blocks that are held, and the number of
/// tasks and stacks.
public struct PageUseAnalysis: ~Copyable {
  // Larger numbers are a damaged line's.
  private static let largestOrder = 11

  private struct Block: BitwiseCopyable {
    var task: UInt32
    var stack: UInt32
    /// Pages not yet given back: a block may be given back in parts.
    var pages: UInt32
    var order: UInt8
  }

  private var blocks = AddressTable(filler: Block(task: 0, stack: 0, pages: 0, order: 0))
  private var taskKeys = KeyTable()
  private var tasks: [PageUseFindings.Pages] = []
  private var stacks: [PageUseFindings.Pages] = []
  private var total = PageUseFindings.Pages()
  private var peak: UInt64 = 0
  private var freesOfUnseen: UInt64 = 0

  public init() {}

  /// Counts the page events of a part of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, _ part: TimeWindowCursor.Part) {
    if part.phase == .after { return }
    let isInside = part.phase == .inside
    for row in part.rows {
      switch batch.kind[row] {
      case .mmPageAlloc: take(batch, row, isInside)
      case .mmPageFree, .mmPageFreeDirect: giveBack(batch.address[row], Int(batch.order[row]), isInside)
      default: break
      }
    }
    if isInside { peak = max(peak, total.heldPages) }
  }

  private mutating func take(_ batch: borrowing EventBatch, _ row: Int, _ isInside: Bool) {
    let order = Int(batch.order[row])
    if order > Self.largestOrder || batch.flags[row].contains(.failed) { return }
    let task =
      batch.flags[row].contains(.hasTask)
      ? taskKeys.index(UInt64(batch.comm[row].rawValue), UInt64(truncatingIfNeeded: batch.pid[row]))
      : taskKeys.index(.max, .max)
    let stack = Int(batch.stack[row].rawValue)
    while tasks.count <= task { tasks.append(.init()) }
    while stacks.count <= stack { stacks.append(.init()) }
    let pages = Order.pages(order)
    if let old = blocks.insert(
      batch.address[row],
      Block(task: UInt32(task), stack: UInt32(stack), pages: UInt32(pages), order: UInt8(order)))
    {
      // Its free was not seen.
      lose(old, UInt64(old.pages))
    }
    let sums = PageUseFindings.Pages(
      allocations: isInside ? 1 : 0, takenPages: isInside ? pages : 0, heldPages: pages)
    tasks[task].add(sums)
    stacks[stack].add(sums)
    total.add(sums)
    if isInside { peak = max(peak, total.heldPages) }
  }

  private mutating func lose(_ block: Block, _ pages: UInt64) {
    tasks[Int(block.task)].heldPages &-= pages
    stacks[Int(block.stack)].heldPages &-= pages
    total.heldPages &-= pages
  }

  private mutating func giveBack(_ frame: UInt64, _ order: Int, _ isInside: Bool) {
    if order > Self.largestOrder { return }
    // A part of a block is found by the block that holds it.
    for size in order...Self.largestOrder {
      let head = frame & ~(Order.pages(size) - 1)
      guard var block = blocks.value(head), Int(block.order) >= size else { continue }
      let pages = min(UInt64(block.pages), Order.pages(order))
      lose(block, pages)
      block.pages -= UInt32(pages)
      if block.pages == 0 { blocks.remove(head) } else { blocks.insert(head, block) }
      return
    }
    if isInside { freesOfUnseen &+= 1 }
  }

  /// The findings, with tasks and stacks named and sorted.
  public consuming func finish(strings: StringInterner, stacks table: StackTable) -> PageUseFindings {
    var byTask: [PageUseFindings.Group] = []
    for index in tasks.indices {
      let key = taskKeys[index]
      let name =
        key.first == .max
        ? "(no task said)"
        : "\(strings.string(StringID(rawValue: UInt32(truncatingIfNeeded: key.first))))-\(Int32(truncatingIfNeeded: key.second))"
      byTask.append(.init(names: [name], pages: tasks[index]))
    }
    var byStack: [[String]: PageUseFindings.Pages] = [:]
    for index in stacks.indices.dropFirst() where stacks[index] != .init() {
      let frames = table[StackID(rawValue: UInt32(index))].reversed().map { frame in
        String(strings.string(frame).prefix { $0 != "+" })
      }
      byStack[frames, default: .init()].add(stacks[index])
    }
    return PageUseFindings(
      tasks: Self.sorted(byTask), stacks: Self.sorted(byStack.map { .init(names: $0, pages: $1) }), total: total,
      peakHeldPages: peak, freesOfUnseen: freesOfUnseen)
  }

  private static func sorted(_ groups: [PageUseFindings.Group]) -> [PageUseFindings.Group] {
    groups.filter { $0.pages != .init() }.sorted { left, right in
      if left.pages.heldPages != right.pages.heldPages { return left.pages.heldPages > right.pages.heldPages }
      if left.pages.takenPages != right.pages.takenPages { return left.pages.takenPages > right.pages.takenPages }
      return left.names.lexicographicallyPrecedes(right.names)
    }
  }
}
