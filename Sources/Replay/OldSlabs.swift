import KernelTypes
import MemoryModels
import TraceEvents

/// The slabs from before the trace that had free objects, as the trace shows by handing them out: where each must have
/// stood, so that they are used in the order the kernel used them.
struct OldSlabs {
  /// One slab, as a model adopts it.
  struct Slab {
    var base: UInt64
    /// Its free objects, the first to be handed out first.
    var free: [UInt16]
    /// The CPU that has it in use.
    var activeOn: Int?
  }

  private var startObjects: [CacheEvidence.Identity: [TraceSurvey.StartObject]] = [:]
  private var pageIdentities: [UInt64: CacheEvidence.Identity] = [:]

  init(_ survey: borrowing TraceSurvey) {
    for object in survey.startObjects {
      startObjects[survey.identity(node: object.node), default: []].append(
        TraceSurvey.StartObject(address: object.address, cpu: object.cpu))
    }
    var identities: [UInt64: CacheEvidence.Identity] = [:]
    survey.oldPages.forEach { page, node in identities[page] = survey.identity(node: node) }
    pageIdentities = identities
  }

  /// The cache whose objects lie on a page from before the trace: by other objects on it, or by the name of one that is freed.
  func cache(ofPage page: UInt64, name: StringID, _ directory: borrowing CacheDirectory) -> Int? {
    var identity = pageIdentities[page]
    if identity == nil, name != .none { identity = directory.classifier.kmallocIdentity(named: name) ?? .named(name) }
    return identity.flatMap { directory.cache(of: $0) }
  }

  /// The free objects of a cache at the start, in the order in which they were handed out.
  func freeObjects(of identity: CacheEvidence.Identity) -> [TraceSurvey.StartObject] { startObjects[identity] ?? [] }

  /// A cache's slabs in the order in which SLUB has them: those in use first, then the node's list.
  func slabs(
    of identity: CacheEvidence.Identity, geometry: SLUBGeometry, leftPadding: UInt64, pageShift: UInt64, cpuLimit: Int
  ) -> [Slab] {
    let slabBytes = UInt64(1) << (pageShift + UInt64(geometry.order))
    var order: [UInt64] = []
    var free: [UInt64: [UInt16]] = [:]
    // The first slab that each CPU took objects from was the one in its use.
    var active: [UInt64: Int] = [:]
    var hasActive = Set<UInt16>()
    for object in freeObjects(of: identity) {
      let base = object.address & ~(slabBytes - 1)
      let (index, rest) = (object.address &- base &- leftPadding).quotientAndRemainder(
        dividingBy: UInt64(geometry.slotSize))
      if rest != 0 || index >= UInt64(geometry.objectsPerSlab) { continue }
      if free[base] == nil { order.append(base) }
      free[base, default: []].append(UInt16(index))
      if hasActive.insert(object.cpu).inserted, active[base] == nil {
        active[base] = min(Int(object.cpu), cpuLimit - 1)
      }
    }
    var slabs = active.sorted { $0.value < $1.value }.map { Slab(base: $0, free: free[$0] ?? [], activeOn: $1) }
    // The kernel takes one slab from the node's list and moves the next few to the CPU's, where they are used last in,
    // first out: undo that reversal.
    var rest = order.filter { active[$0] == nil }
    let group = geometry.perCPUPartialLimit > 0 ? 2 + geometry.perCPUPartialLimit / 2 : 1
    while !rest.isEmpty {
      let part = Array(rest.prefix(group))
      rest.removeFirst(part.count)
      for base in part.prefix(1) + part.dropFirst().reversed() {
        slabs.append(Slab(base: base, free: free[base] ?? [], activeOn: nil))
      }
    }
    return slabs
  }
}
