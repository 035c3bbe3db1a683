import KernelTypes
public import MemoryModels
public import TraceEvents

/// What becomes of a page after the event that frees it, as later events tell.
enum PageFate: UInt8 {
  /// It goes to a CPU's list, or nothing more is heard of it.
  case onList
  /// A second event of the same free follows (`mm_page_free_batched`), and the page goes to a list with that.
  case inBatch
  /// It goes straight to the buddy's lists, from which it is taken next: an interrupt found the CPU's lists locked.
  case inBuddy
}

/// The first pass over a trace for a prediction of page frames: the fate of every freed page, two bits each.
///
/// A free that finds the CPU's lists locked leaves no event (`free_unref_page` in mm/page_alloc.c, Linux 6.1), and which
/// of two kinds a free is shows only later. Both passes have to see the same events.
public struct PageFates: ~Copyable {
  // Larger numbers are a damaged line's.
  private static let frameLimit: UInt64 = 1 << 36
  private static let chunkBits: UInt64 = 14

  private var fates: [UInt64] = []
  /// Frees and their second events so far.
  private(set) var count = 0
  // The number, from 1, of the last free of each frame whose fate is not known yet.
  private var chunks: [UInt64: UnsafeMutablePointer<UInt32>] = [:]
  private var lastChunk: UnsafeMutablePointer<UInt32>?
  private var lastKey = UInt64.max
  /// Events of pages being taken from the buddy's lists; without them there is nothing to predict from.
  public private(set) var removals: UInt64 = 0
  /// What the reclaiming threads did.
  private(set) var runs = ReclaimRuns()
  // Where frames' nodes are, and how often each CPU was handed a block of each node; empty on one node.
  private let nodes: [ZoneSpan]
  private var handedOut: [[UInt64]] = []
  private let cpuLimit: Int

  /// `nodes` are the zones of a machine with several nodes: from whose memory a CPU's requests are served first tells
  /// its node.
  public init(nodes: [ZoneSpan] = [], cpuLimit: Int = 1) {
    self.nodes = Set(nodes.map(\.node)).count > 1 ? nodes : []
    self.cpuLimit = min(max(cpuLimit, 1), 8192)
    if !self.nodes.isEmpty {
      handedOut = Array(repeating: Array(repeating: 0, count: nodes.count), count: self.cpuLimit)
    }
  }

  private init(_ other: borrowing PageFates) {
    fates = other.fates
    count = other.count
    removals = other.removals
    runs = other.runs
    nodes = other.nodes
    handedOut = other.handedOut
    cpuLimit = other.cpuLimit
  }

  /// The same fates for another prediction.
  public borrowing func copy() -> PageFates { PageFates(self) }

  /// The node of each CPU: the one whose memory it was handed most often; `nil` for CPUs without requests.
  public var cpuNodes: [Int?] {
    handedOut.map { counts in
      var totals: [Int: UInt64] = [:]
      for (span, count) in zip(nodes, counts) { totals[span.node, default: 0] += count }
      return totals.filter { $0.value > 0 }.max { ($0.value, -$0.key) < ($1.value, -$1.key) }?.key
    }
  }

  deinit {
    for chunk in chunks.values { chunk.deallocate() }
  }

  /// Looks at rows of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>) {
    for row in rows {
      runs.note(batch, row)
      let frame = batch.address[row]
      if frame >= Self.frameLimit { continue }
      let order = min(Int(batch.order[row]), 20)
      switch batch.kind[row] {
      case .mmPageFree, .mmPageFreeDirect:
        setPending(frame, next())
      case .mmPageFreeBatched:
        settle(frame, .inBatch)
        setPending(frame, next())
      case .mmPageAllocZoneLocked:
        removals += 1
        settle(frame, order, .inBuddy)
      case .mmPageAllocExtfrag:
        settle(frame, min(Int(truncatingIfNeeded: batch.requestedBytes[row] & 31), 20), .inBuddy)
      case .mmPageAlloc:
        if !batch.flags[row].contains(.failed) {
          settle(frame, order, .onList)
          if !nodes.isEmpty { countNode(frame, cpu: Int(batch.cpu[row])) }
        }
      case .mmPagePCPUDrain:
        settle(frame, .onList)
      default: break
      }
    }
  }

  /// The fate of the free with a number counted from 0.
  @inline(__always)
  func fate(_ number: Int) -> PageFate {
    let word = number >> 5
    if word >= fates.count { return .onList }
    return PageFate(rawValue: UInt8(truncatingIfNeeded: fates[word] >> UInt64(2 * (number & 31)) & 3)) ?? .onList
  }

  private mutating func countNode(_ frame: UInt64, cpu: Int) {
    guard let span = nodes.firstIndex(where: { $0.frames.contains(PageFrame(frame)) }) else { return }
    handedOut[min(cpu, cpuLimit - 1)][span] += 1
  }

  @inline(__always)
  private mutating func next() -> UInt32 {
    if count & 31 == 0 { fates.append(0) }
    count &+= 1
    return UInt32(truncatingIfNeeded: count)
  }

  @inline(__always)
  private mutating func chunk(_ frame: UInt64) -> UnsafeMutablePointer<UInt32>? {
    let key = frame >> Self.chunkBits
    if key == lastKey { return lastChunk }
    lastKey = key
    lastChunk = chunks[key]
    return lastChunk
  }

  @inline(__always)
  private mutating func setPending(_ frame: UInt64, _ number: UInt32) {
    let offset = Int(frame & (1 << Self.chunkBits - 1))
    if let chunk = chunk(frame) {
      chunk[offset] = number
    } else {
      let chunk = UnsafeMutablePointer<UInt32>.allocate(capacity: 1 << Int(Self.chunkBits))
      chunk.initialize(repeating: 0, count: 1 << Int(Self.chunkBits))
      chunk[offset] = number
      chunks[frame >> Self.chunkBits] = chunk
      lastChunk = chunk
    }
  }

  @inline(__always)
  private mutating func settle(_ frame: UInt64, _ fate: PageFate) {
    guard let chunk = chunk(frame) else { return }
    let offset = Int(frame & (1 << Self.chunkBits - 1))
    let number = Int(chunk[offset])
    if number == 0 { return }
    chunk[offset] = 0
    if fate == .onList { return }
    fates[(number - 1) >> 5] |= UInt64(fate.rawValue) << UInt64(2 * ((number - 1) & 31))
  }

  @inline(__always)
  private mutating func settle(_ frame: UInt64, _ order: Int, _ fate: PageFate) {
    if order == 0 { return settle(frame, fate) }
    for page in frame..<(frame + Order.pages(order)) { settle(page, fate) }
  }
}
