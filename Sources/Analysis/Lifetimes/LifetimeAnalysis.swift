import KernelTypes
import Replay
public import TraceEvents

/// Follows every object from its allocation to its free: lifetimes, turnover, and what was never given back.
///
/// Feed it each part of each batch in order, then call `finish`. One pass; memory follows what is live and the number of
/// call sites and distinct stacks. Objects are paired as `WasteAnalysis` pairs them.
public struct LifetimeAnalysis: ~Copyable {
  /// The slices of the window that survivors are told apart by.
  public static let slices = 8
  /// A leak suspect has at least so many objects that were allocated inside the window and are still there, …
  public static let leastSurvivors: UInt64 = 8
  /// … from at least so many slices, …
  public static let leastSlices = 6
  /// … and keeps at least this part of what it allocates, in percent of objects.
  public static let leastKeptPercent = 10.0
  /// The most stacks given.
  public static let stackLimit = 4000

  struct Object: BitwiseCopyable {
    var time: UInt64
    var requestedBytes: UInt32
    var allocatedBytes: UInt32
    var site: UInt32
    var stack: UInt32
    var cpu: UInt16
    var isInside: Bool
  }

  struct SiteSums {
    var site = StringID.none
    var total = Amount()
    var live = Amount()
    var frees: UInt64 = 0
    var freesOnOtherCPU: UInt64 = 0
    var peakLiveBytes: UInt64 = 0
    var lifetimeSum: UInt64 = 0
  }

  struct StackSums {
    var total = Amount()
    var live = Amount()
  }

  var live = AddressTable<Object>(
    filler: Object(
      time: 0, requestedBytes: 0, allocatedBytes: 0, site: 0, stack: 0, cpu: 0, isInside: false))
  var sites: [SiteSums] = []
  // By site, then by range of lifetimes.
  var freesByLifetime: [UInt64] = []
  var bytesByLifetime = [UInt64](repeating: 0, count: LifetimeBins.count)
  // The index of each call site plus one, by the number of its text.
  private var siteOfText: [UInt32] = []
  var stacks: [StackSums] = []
  var liveSum = Amount()
  var timeline = EvenMoments<LifetimeFindings.Moment>()
  private var nextMoment: UInt64 = 0
  private var origin: UInt64?
  private(set) var openTime: UInt64?
  private(set) var lastTime: UInt64 = 0

  public init() {}

  /// Follows the events of a part of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, _ part: TimeWindowCursor.Part) {
    guard let first = part.rows.first, let last = part.rows.last, part.phase != .after else { return }
    if origin == nil { origin = batch.time[first] }
    let isInside = part.phase == .inside
    if isInside, openTime == nil { open(batch.time[first]) }
    for row in part.rows {
      switch batch.kind[row] {
      case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode: allocate(batch, row, isInside)
      case .kfree, .kmemCacheFree: free(batch, row, isInside)
      default: break
      }
      if isInside, batch.time[row] >= nextMoment { addMoment(batch.time[row]) }
    }
    lastTime = max(lastTime, batch.time[last])
  }

  private mutating func open(_ time: UInt64) {
    openTime = time
    lastTime = time
    for index in sites.indices { sites[index].peakLiveBytes = sites[index].live.allocatedBytes }
  }

  private mutating func addMoment(_ time: UInt64) {
    timeline.add(.init(atNanoseconds: elapsed(time), live: liveSum))
    nextMoment = (origin ?? 0) + timeline.next
  }

  func elapsed(_ time: UInt64) -> UInt64 {
    guard let origin, time > origin else { return 0 }
    return time - origin
  }

  @inline(__always)
  private mutating func site(_ text: StringID) -> Int {
    while siteOfText.count <= text.index { siteOfText.append(0) }
    let known = siteOfText[text.index]
    if known > 0 { return Int(known) - 1 }
    sites.append(SiteSums(site: text))
    freesByLifetime.append(contentsOf: repeatElement(0, count: LifetimeBins.count))
    siteOfText[text.index] = UInt32(sites.count)
    return sites.count - 1
  }

  @inline(__always)
  private mutating func allocate(_ batch: borrowing EventBatch, _ row: Int, _ isInside: Bool) {
    let address = batch.address[row]
    let flags = batch.flags[row]
    let requested = batch.requestedBytes[row]
    let allocated = batch.allocatedBytes[row]
    // Neither NULL nor ZERO_SIZE_PTR, and no size that only a damaged line can have.
    if address <= 16 || flags.contains(.failed) || flags.contains(.unknownPointer) || (requested | allocated) >> 32 != 0
    {
      return
    }
    let index = site(batch.callSite[row])
    let stack = Int(batch.stack[row].rawValue)
    let object = Object(
      time: batch.time[row], requestedBytes: UInt32(truncatingIfNeeded: requested),
      allocatedBytes: UInt32(truncatingIfNeeded: allocated), site: UInt32(index), stack: UInt32(stack),
      cpu: batch.cpu[row], isInside: isInside)
    if let old = live.insert(address, object) { forget(old) }
    sites[index].live.addObject(requested, allocated)
    sites[index].peakLiveBytes = max(sites[index].peakLiveBytes, sites[index].live.allocatedBytes)
    liveSum.addObject(requested, allocated)
    if isInside { sites[index].total.addObject(requested, allocated) }
    if stack > 0 {
      while stacks.count <= stack { stacks.append(StackSums()) }
      stacks[stack].live.addObject(requested, allocated)
      if isInside { stacks[stack].total.addObject(requested, allocated) }
    }
  }

  /// Takes an object off what is live, whether its free was seen or not.
  @inline(__always)
  private mutating func forget(_ object: Object) {
    sites[Int(object.site)].live.removeObject(object.requestedBytes, object.allocatedBytes)
    liveSum.removeObject(object.requestedBytes, object.allocatedBytes)
    if object.stack > 0 { stacks[Int(object.stack)].live.removeObject(object.requestedBytes, object.allocatedBytes) }
  }

  @inline(__always)
  private mutating func free(_ batch: borrowing EventBatch, _ row: Int, _ isInside: Bool) {
    if batch.flags[row].contains(.unknownPointer) { return }
    guard let object = live.remove(batch.address[row]) else { return }
    forget(object)
    if !isInside { return }
    let index = Int(object.site)
    let time = batch.time[row]
    let lifetime = time > object.time ? time - object.time : 0
    let bin = LifetimeBins.index(lifetime)
    sites[index].frees &+= 1
    if batch.cpu[row] != object.cpu { sites[index].freesOnOtherCPU &+= 1 }
    let (sum, isOver) = sites[index].lifetimeSum.addingReportingOverflow(lifetime)
    sites[index].lifetimeSum = isOver ? .max : sum
    freesByLifetime[index * LifetimeBins.count + bin] &+= 1
    bytesByLifetime[bin] &+= UInt64(object.allocatedBytes)
  }
}
