import KernelTypes
import MemoryModels
import TraceEvents

/// An allocator model left alone from the moment the trace began: it starts with the slabs that the trace shows to have had
/// room then, and is told nothing later but who asks for what and what is given back.
///
/// Unlike `SlabReplay`, which starts from nothing, it can be held against what the kernel counted at some moment. Addresses
/// only say which object from before the trace is meant.
final class LoneReplay<Model: ReplayedModel & ~Copyable> {
  private struct Held: BitwiseCopyable {
    var object: SlabObject
    var cache: Int32
    var bytes: UInt32
  }

  private let pageShift: UInt64
  private let cpuLimit: Int
  private let old: OldSlabs
  private(set) var model: Model
  private var held = AddressTable(
    filler: Held(object: .none, cache: 0, bytes: 0), minimumCapacity: 1024)
  // Objects that the model itself has handed out: all others on slabs from before the trace are from before it.
  private var lent = AddressTable(filler: true, minimumCapacity: 1024)
  // By page from before the trace: the slab that it belongs to.
  private var slabOfPage = AddressTable(filler: Int32(-1))
  private var nextPage: UInt64 = 0
  private var adoptedPages: UInt64 = 0

  init(profile: KernelProfile, survey: borrowing TraceSurvey) {
    pageShift = UInt64(profile.pageSize.trailingZeroBitCount)
    cpuLimit = max(profile.cpuCount, 1)
    old = OldSlabs(survey)
    model = Model(profile: profile, cpuLimit: profile.cpuCount)
  }

  /// Slab pages taken less those given back since the trace began.
  var change: Int64 { Int64(model.slabPages) - Int64(adoptedPages) }

  /// Makes sure that the model has all caches of the directory, with the slabs they had.
  @inline(never)
  func addCaches(_ directory: borrowing CacheDirectory) {
    while model.cacheCount < directory.entries.count {
      let cache = model.cacheCount
      model.add(directory.entries[cache].description)
      for slab in model.oldSlabs(
        of: directory.entries[cache].identity, cache: cache, old, pageShift: pageShift, cpuLimit: cpuLimit)
      {
        _ = adopt(cache, slab)
      }
    }
  }

  private func adopt(_ cache: Int, _ slab: OldSlabs.Slab) -> Int32? {
    let before = model.slabPages
    guard let id = model.adopt(cache: cache, slab) else { return nil }
    let pages = model.slabPages - before
    adoptedPages += pages
    for page in 0..<pages { slabOfPage.insert((slab.base >> pageShift) + page, id) }
    return id
  }

  /// Starts from a dump of the allocator's lists.
  func begin(with start: AllocatorStart, pageOffset: UInt64) {
    guard let pages = start.slobPages else { return }
    for page in pages {
      let base = (page.frame &+ pageOffset) << pageShift
      let before = model.slabPages
      guard let id = model.adopt(page, base: base) else { continue }
      adoptedPages += model.slabPages - before
      slabOfPage.insert(base >> pageShift, id)
    }
  }

  /// One allocation by a cache.
  func allocate(_ address: UInt64, requested: UInt64, cache: Int, cpu: Int) {
    let bytes = model.bytes(cache: cache, requested: requested)
    let object: SlabObject
    switch model.allocate(cache: cache, bytes: bytes, cpu: cpu) {
    case .object(let found): object = found
    case .needsSlab(let order):
      // Pages of a size of their own each, far from those of the direct map: they only need to differ.
      let base = (nextPage << pageShift) << UInt64(order)
      nextPage += 1
      object = model.addSlab(cache: cache, bytes: bytes, cpu: cpu, base: base, order: order)
      forgetReleased()
    }
    lent.insert(Self.key(object), true)
    let record = Held(object: object, cache: Int32(cache), bytes: UInt32(truncatingIfNeeded: bytes))
    if let lost = held.insert(address, record) { giveBack(lost, cpu) }
  }

  /// One free.
  func free(_ address: UInt64, name: StringID, cpu: Int, _ directory: borrowing CacheDirectory) {
    if let object = held.remove(address) {
      giveBack(object, cpu)
    } else if let (object, cache, bytes) = oldObject(address, name, directory) {
      model.free(object, cache: cache, bytes: bytes, cpu: cpu)
      forgetReleased()
    }
  }

  private static func key(_ object: SlabObject) -> UInt64 {
    UInt64(UInt32(bitPattern: object.slab)) << 16 | UInt64(object.index)
  }

  private func giveBack(_ object: Held, _ cpu: Int) {
    lent.remove(Self.key(object.object))
    model.free(object.object, cache: Int(object.cache), bytes: Int(object.bytes), cpu: cpu)
    forgetReleased()
  }

  /// The object from before the trace at an address, if it is one and its cache is known; it is handed out.
  @inline(never)
  private func oldObject(
    _ address: UInt64, _ name: StringID, _ directory: borrowing CacheDirectory
  ) -> (SlabObject, Int, Int)? {
    let page = address >> pageShift
    guard let cache = old.cache(ofPage: page, name: name, directory), cache < model.cacheCount else { return nil }
    var id = slabOfPage.value(page)
    if id == nil {
      let bytes = UInt64(1) << (pageShift + UInt64(model.report(cache: cache)?.order ?? 0))
      id = adopt(cache, OldSlabs.Slab(base: address & ~(bytes - 1), free: [], activeOn: nil))
    }
    guard let id, let object = model.heldObject(slab: id, address: address, cache: cache),
      lent.value(Self.key(object)) == nil
    else { return nil }
    return (object, cache, model.bytes(cache: cache, requested: 0))
  }

  private func forgetReleased() {
    if model.released.isEmpty { return }
    for slab in model.released {
      for page in 0..<Order.pages(slab.order) { slabOfPage.remove((slab.base >> pageShift) + page) }
    }
    model.released.removeAll(keepingCapacity: true)
  }

  var nextDue: UInt64 { model.nextDue }

  @inline(never)
  func advance(to time: UInt64) {
    model.advance(to: time)
    forgetReleased()
  }
}
