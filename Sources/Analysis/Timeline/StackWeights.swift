public import KernelTypes
public import TraceEvents

/// Sums what was allocated by stack trace, for flame graphs: slab objects, or pages of the page allocator.
///
/// Feed it each part of each batch in order. Memory follows what is live and the number of distinct stacks.
public struct StackWeights: ~Copyable {
  /// What a stack is weighed by.
  public enum Weight: String, CaseIterable, Sendable {
    /// All bytes allocated.
    case allocated
    /// All bytes allocated beyond those requested.
    case wasted
    /// Bytes that are still allocated at the end.
    case live
    /// Of those, the ones beyond what was requested.
    case liveWasted = "live-wasted"
    /// The number of allocations.
    case count
  }

  /// Which allocations count.
  public enum Subject: String, CaseIterable, Sendable {
    /// Objects of kmalloc and kmem_cache_alloc.
    case slab
    /// Blocks of mm_page_alloc, those that become slabs included.
    case pages
  }

  /// One line of a flame graph: frames from the outermost to the innermost, and their weight.
  public struct Line: Sendable, Equatable {
    public var frames: [String]
    public var weight: UInt64

    public init(frames: [String], weight: UInt64) {
      self.frames = frames
      self.weight = weight
    }
  }

  private static let highestOrder: UInt8 = 18

  private let pageSize: UInt64
  private var slab = WasteLedger()
  private var pages = WasteLedger()
  private var keys = KeyTable()
  private var pageKeys = KeyTable()
  private var sequence: UInt64 = 0

  /// Creates empty sums; `pageSize` is in bytes.
  public init(pageSize: UInt64 = 4096) { self.pageSize = pageSize }

  /// Whether there were objects of slabs.
  public var hasObjects: Bool { keys.count > 0 }

  /// Counts the events of a part of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, _ part: TimeWindowCursor.Part) {
    if part.phase == .after { return }
    for row in part.rows {
      if part.phase == .inside, !slab.isOpen {
        slab.open(time: batch.time[row], sequence: sequence)
        pages.open(time: batch.time[row], sequence: sequence)
      }
      sequence &+= 1
      let address = batch.address[row]
      switch batch.kind[row] {
      case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode:
        if address <= WasteAnalysis.zeroSizePointer || batch.flags[row].contains(.failed) { continue }
        allocate(batch, row)
      case .kfree, .kmemCacheFree:
        if let object = slab.live.remove(address) { slab.remove(object, isFree: true, time: batch.time[row]) }
      case .mmPageAlloc:
        if !batch.flags[row].contains(.failed) { allocatePages(batch, row) }
      case .mmPageFree, .mmPageFreeDirect:
        if let block = pages.live.remove(address) { pages.remove(block, isFree: true, time: batch.time[row]) }
      default: break
      }
    }
  }

  private mutating func allocate(_ batch: borrowing EventBatch, _ row: Int) {
    let index = Self.index(&keys, batch, row, batch.callSite[row])
    while slab.groupCount < keys.count { slab.addGroup() }
    let requested = batch.requestedBytes[row]
    let allocated = batch.allocatedBytes[row]
    if (requested | allocated) >> 32 != 0 { return }
    let object = LiveObject(
      requestedBytes: UInt32(requested), allocatedBytes: UInt32(allocated), group: UInt32(index),
      inTotal: slab.isOpen ? 1 : 0, sequence: sequence)
    if let old = slab.live.insert(batch.address[row], object) { slab.remove(old, isFree: false, time: batch.time[row]) }
    slab.add(object, time: batch.time[row])
  }

  private mutating func allocatePages(_ batch: borrowing EventBatch, _ row: Int) {
    let index = Self.index(&pageKeys, batch, row, .none)
    while pages.groupCount < pageKeys.count { pages.addGroup() }
    let bytes = UInt32(truncatingIfNeeded: min(pageSize << UInt64(min(batch.order[row], Self.highestOrder)), 1 << 31))
    let block = LiveObject(
      requestedBytes: bytes, allocatedBytes: bytes, group: UInt32(index), inTotal: pages.isOpen ? 1 : 0,
      sequence: sequence)
    if let old = pages.live.insert(batch.address[row], block) {
      pages.remove(old, isFree: false, time: batch.time[row])
    }
    pages.add(block, time: batch.time[row])
  }

  private static func index(
    _ keys: inout KeyTable, _ batch: borrowing EventBatch, _ row: Int, _ site: StringID
  ) -> Int {
    let comm = batch.flags[row].contains(.hasTask) ? batch.comm[row] : .none
    return keys.index(UInt64(batch.stack[row].rawValue) << 32 | UInt64(site.rawValue), UInt64(comm.rawValue))
  }

  /// The lines of the flame graph, sorted; those without weight are left out.
  public consuming func finish(
    _ subject: Subject, weight: Weight, strings: StringInterner, stacks: StackTable
  ) -> [Line] {
    var lines: [[String]: UInt64] = [:]
    let count = subject == .slab ? keys.count : pageKeys.count
    for index in 0..<count {
      let key = subject == .slab ? keys[index] : pageKeys[index]
      let sums = subject == .slab ? slab.groups[index] : pages.groups[index]
      let value = Self.value(sums, weight)
      if value == 0 { continue }
      let site = StringID(rawValue: UInt32(truncatingIfNeeded: key.first))
      let stack = stacks[StackID(rawValue: UInt32(truncatingIfNeeded: key.first >> 32))]
      let comm = StringID(rawValue: UInt32(truncatingIfNeeded: key.second))
      var frames = [comm == .none ? "(no task said)" : Self.frame(strings.string(comm))]
      // The tracer's own function is on top of every stack of the kernel's stack trace option.
      frames += stack.reversed().map { Self.frame(strings.string($0)) }.filter {
        !$0.hasPrefix("trace_event_raw_event_")
      }
      if site != .none, stack.first != site { frames.append(Self.frame(strings.string(site))) }
      lines[frames, default: 0] += value
    }
    return lines.map { Line(frames: $0.key, weight: $0.value) }
      .sorted { $0.frames.lexicographicallyPrecedes($1.frames) }
  }

  private static func value(_ sums: GroupSums, _ weight: Weight) -> UInt64 {
    switch weight {
    case .allocated: sums.total.allocatedBytes
    case .wasted: UInt64(clamping: sums.total.wastedBytes)
    case .live: sums.live.allocatedBytes
    case .liveWasted: UInt64(clamping: sums.live.wastedBytes)
    case .count: sums.total.objects
    }
  }

  /// A frame's function and module, without the offset, which would part calls from one function.
  private static func frame(_ text: String) -> String {
    guard let plus = text.firstIndex(of: "+") else { return text }
    guard text.hasSuffix("]"), let bracket = text.lastIndex(of: "[") else { return String(text[..<plus]) }
    return text[..<plus] + " " + text[bracket...]
  }
}
