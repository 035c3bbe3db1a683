import KernelTypes
import MemoryModels

/// Works out how an allocator lays out a cache that another one's trace shows.
///
/// A trace tells what was asked for and what was handed out. How objects are aligned, and whether they have a constructor
/// or are used under RCU, must be guessed from the two where another allocator's slots are wanted.
struct CacheLayout: Sendable {
  let allocator: TracedAllocator.Kind
  /// Who made the trace; `nil` when its sizes don't tell.
  let traced: TracedAllocator.Kind?
  private let cacheLineBytes: Int
  private let slob: SLOBPolicy

  init(allocator: TracedAllocator.Kind, traced: TracedAllocator.Kind?, profile: KernelProfile) {
    self.allocator = allocator
    self.traced = traced
    cacheLineBytes = profile.cacheLineBytes
    slob = profile.slob
  }

  /// Bytes from one object of a kmalloc class to the next. SLAB aligns its classes to cache lines
  /// (`ARCH_KMALLOC_FLAGS`).
  func kmallocSlot(_ size: Int) -> Int {
    if allocator != .slab { return size }
    return roundUp(
      size, CacheDescription.cacheLineAlignment(objectSize: size, cacheLineBytes: cacheLineBytes))
  }

  /// A kmalloc class.
  func kmalloc(name: String, size: Int, isReclaimable: Bool) -> CacheDescription {
    let natural = size & (size - 1) == 0 ? size : 8
    let line = CacheDescription.cacheLineAlignment(objectSize: size, cacheLineBytes: cacheLineBytes)
    return CacheDescription(
      name: name, slotSize: kmallocSlot(size), objectSize: size,
      alignment: allocator == .slab ? max(natural, line) : natural, isKmalloc: true, isReclaimable: isReclaimable)
  }

  /// A cache whose requests say that they want `requested` bytes and get `allocated`.
  ///
  /// `alignment` is what the objects' addresses have in common, where that is known.
  func cache(
    name: String, requested: Int, allocated: Int, alignment known: Int?, isReclaimable: Bool
  ) -> CacheDescription {
    let requested = min(max(requested, 1), allocated)
    let alignment = known.map { max($0, 8) } ?? alignment(requested, allocated)
    let keeps = keepsContents(requested, allocated, alignment)
    var slot = allocated
    if allocator != traced {
      switch allocator {
      case .slub: slot = roundUp(roundUp(requested, 8) + (keeps ? 8 : 0), alignment)
      case .slab: slot = max(roundUp(requested, alignment), roundUp(16, alignment))
      case .slob:
        slot = roundUp(requested, slob.unitBytes)
      }
    }
    return CacheDescription(
      name: name, slotSize: slot, objectSize: requested, alignment: alignment, keepsContents: keeps,
      isReclaimable: isReclaimable)
  }

  /// Slots of whole cache lines that the object alone doesn't explain are aligned to them.
  private func alignment(_ requested: Int, _ allocated: Int) -> Int {
    if traced == .slob { return 8 }
    let line = CacheDescription.cacheLineAlignment(objectSize: requested, cacheLineBytes: cacheLineBytes)
    if line > 8, allocated % line == 0, allocated != roundUp(requested, 8) { return line }
    return 8
  }

  /// SLUB and SLOB need more than the object where nothing may be stored in it while it is free.
  private func keepsContents(_ requested: Int, _ allocated: Int, _ alignment: Int) -> Bool {
    switch traced {
    case .slub?: allocated > roundUp(requested, alignment)
    case .slob?: allocated - roundUp(requested, slob.unitBytes) == slob.rcuBytes
    case .slab?, nil: false
    }
  }

  private func roundUp(_ value: Int, _ alignment: Int) -> Int { (value + alignment - 1) / alignment * alignment }
}
