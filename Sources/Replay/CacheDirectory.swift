import KernelTypes
import MemoryModels
import TraceEvents

/// The caches of a replay: says for each request which cache serves it, and what that cache is called.
///
/// Caches are numbered in the order in which their first request appears; every model of a replay uses these numbers.
struct CacheDirectory: ~Copyable {
  /// One cache.
  struct Entry {
    var identity: CacheEvidence.Identity
    var name: String
    /// The distance between objects in bytes, as the trace has it: the class for kmalloc.
    var tracedSize: Int
    /// What the modelled allocator makes of it.
    var description: CacheDescription

    /// The size of the objects asked for, in bytes: the class for kmalloc, `bytes_req` of the first request otherwise.
    var objectSize: Int { description.objectSize }
    /// The distance between objects in bytes, in the modelled allocator.
    var slotSize: Int { description.slotSize }
  }

  /// What `resolve` gives rows that no cache serves.
  static let notServed: Int32 = -1
  /// What `resolve` gives kmalloc rows that go to the page allocator.
  static let large: Int32 = -2
  /// Added to a cache that is only the likeliest, because objects of several caches come from that place.
  static let isDivided: Int32 = 1 << 30

  // No kernel has so many caches or caches times CPUs; a damaged trace may seem to.
  private static let cacheLimit = 8192
  private static let stateLimit = 1 << 22

  private let limit: Int
  /// Requests that no cache could be made for, because there were too many already.
  private(set) var unserved: UInt64 = 0
  private(set) var entries: [Entry] = []
  private(set) var evidence: CacheEvidence
  var classifier: RequestClassifier
  private let strings: StringInterner
  private var kmallocCaches: [Int32]
  private var siteCaches: [Int32] = []
  private var identityCaches: [CacheEvidence.Identity: Int32] = [:]

  private let layout: CacheLayout
  private let reclaimable: Set<CacheEvidence.Identity>
  private let alignments: [CacheEvidence.Identity: Int]
  private let known: KnownCaches
  private let ownCaches: [StringID: Int]
  // The names that frees gave to caches.
  private let namesInTrace: Set<String>
  // The classes that the evidence numbers.
  private let evidenceClasses: SizeClasses

  init(
    profile: KernelProfile, survey: borrowing TraceSurvey, layout: CacheLayout, known: [KnownCache],
    ownCaches: [StringID: Int], strings: StringInterner
  ) {
    self.ownCaches = ownCaches
    classifier = RequestClassifier(profile: profile, strings: strings)
    self.layout = layout
    evidenceClasses = survey.classes
    reclaimable = survey.reclaimableCaches()
    alignments = survey.alignments()
    evidence = survey.evidence
    self.known = KnownCaches(known)
    namesInTrace = known.isEmpty ? [] : survey.evidence.cacheNames(strings)
    limit = min(Self.cacheLimit, Self.stateLimit / max(profile.cpuCount, 1))
    self.strings = strings
    kmallocCaches = [Int32](repeating: -1, count: classifier.classes.sizes.count * 8)
  }

  /// Fills `caches` with the cache of each allocation in a batch; other rows get `notServed`.
  mutating func resolve(_ batch: borrowing EventBatch, into caches: UnsafeMutablePointer<Int32>) {
    for row in 0..<batch.count {
      switch batch.kind[row] {
      case .kmalloc, .kmallocNode: caches[row] = kmalloc(batch, row)
      case .kmemCacheAlloc, .kmemCacheAllocNode: caches[row] = cacheRequest(batch, row)
      default: caches[row] = Self.notServed
      }
    }
  }

  private mutating func kmalloc(_ batch: borrowing EventBatch, _ row: Int) -> Int32 {
    let requested = batch.requestedBytes[row]
    if requested == 0 || batch.flags[row].contains(.failed) { return Self.notServed }
    guard let sizeClass = classifier.classes.index(bytes: requested) else { return Self.large }
    if !ownCaches.isEmpty, let bytes = ownCaches[batch.callSite[row]], requested <= UInt64(bytes),
      classifier.classes.index(bytes: UInt64(bytes)) == sizeClass
    {
      return make(.own(callSite: batch.callSite[row]), tracedSize: (bytes + 7) & ~7, objectSize: bytes)
    }
    let slot = sizeClass * 8 + classifier.variant(gfp: batch.gfp[row])
    if kmallocCaches[slot] >= 0 { return kmallocCaches[slot] }
    let size = classifier.classes.sizes[sizeClass]
    let cache = make(.kmalloc(sizeClass: sizeClass, variant: slot & 7), tracedSize: size, objectSize: size)
    if cache >= 0 { kmallocCaches[slot] = cache }
    return cache
  }

  private mutating func cacheRequest(_ batch: borrowing EventBatch, _ row: Int) -> Int32 {
    let allocated = batch.allocatedBytes[row]
    // No cache has objects of more than a few MiB; a larger number is a damaged line's.
    if allocated == 0 || allocated > 1 << 24 || batch.flags[row].contains(.failed) { return Self.notServed }
    let requested = batch.requestedBytes[row]
    let site = evidence.site(callSite: batch.callSite[row], requestedBytes: requested, allocatedBytes: allocated)
    while siteCaches.count <= site { siteCaches.append(-1) }
    if siteCaches[site] >= 0 { return siteCaches[site] }
    let divided = evidence.isDivided(site: site) ? Self.isDivided : 0
    let identity = translated(evidence.identity(site: site))
    let cache = make(identity, tracedSize: Int(allocated), objectSize: Int(clamping: requested))
    if cache < 0 { return cache }
    if !fits(entries[Int(cache)], Int(allocated)) {
      // A name that serves two sizes is two caches (one was destroyed, or names were cut short).
      let other = make(.site(site), tracedSize: Int(allocated), objectSize: Int(clamping: requested))
      if other < 0 { return other }
      siteCaches[site] = other | divided
      return other | divided
    }
    siteCaches[site] = cache | divided
    return cache | divided
  }

  /// The number of a cache that is already in use.
  func cache(of identity: CacheEvidence.Identity) -> Int? {
    identityCaches[identity].map { Int($0) }
  }

  /// Whether objects of a traced size can be in a cache. A kmalloc class may be padded, or differ by allocator.
  private func fits(_ entry: Entry, _ allocated: Int) -> Bool {
    if case .kmalloc = entry.identity { return layout.kmallocSlot(entry.tracedSize) >= allocated }
    return entry.tracedSize == allocated
  }

  /// A kmalloc class of the traced allocator as the modelled one numbers it.
  private func translated(_ identity: CacheEvidence.Identity) -> CacheEvidence.Identity {
    guard case .kmalloc(let sizeClass, let variant) = identity, evidenceClasses.policy != classifier.classes.policy
    else { return identity }
    let size = UInt64(evidenceClasses.sizes[sizeClass])
    guard let own = classifier.classes.index(bytes: size) else { return identity }
    let kind = SizeClasses.Variant(rawValue: variant) ?? .normal
    return .kmalloc(sizeClass: own, variant: classifier.classes.has(kind) ? variant : 0)
  }

  private mutating func make(_ identity: CacheEvidence.Identity, tracedSize: Int, objectSize: Int) -> Int32 {
    if let known = identityCaches[identity] { return known }
    if entries.count >= limit {
      unserved += 1
      return Self.notServed
    }
    let cache = Int32(entries.count)
    let known = knownCache(identity, requested: objectSize, allocated: tracedSize)
    let name = known?.name ?? name(of: identity, tracedSize)
    let description: CacheDescription
    if case .kmalloc(let sizeClass, let variant) = identity {
      description = layout.kmalloc(
        name: name, size: classifier.classes.sizes[sizeClass],
        isReclaimable: variant == SizeClasses.Variant.reclaimable.rawValue)
    } else {
      description = layout.cache(
        name: name, requested: objectSize, allocated: tracedSize,
        alignment: known?.alignment ?? alignments[identity], keepsContents: known?.keepsContents,
        isReclaimable: known?.isReclaimable ?? reclaimable.contains(identity))
    }
    var size = tracedSize
    if case .kmalloc(let sizeClass, _) = identity { size = classifier.classes.sizes[sizeClass] }
    entries.append(Entry(identity: identity, name: name, tracedSize: size, description: description))
    identityCaches[identity] = cache
    if case .kmalloc(let sizeClass, let variant) = identity { kmallocCaches[sizeClass * 8 + variant] = cache }
    return cache
  }

  /// What a snapshot says about a cache: by its name, or for one that the trace doesn't name by its sizes.
  private func knownCache(
    _ identity: CacheEvidence.Identity, requested: Int, allocated: Int
  ) -> KnownCache? {
    switch identity {
    case .kmalloc, .own: nil
    case .named(let name): known.cache(named: strings.string(name), slotSize: allocated)
    case .site: known.cache(requested: requested, allocated: allocated) { namesInTrace.contains($0) }
    }
  }

  private func name(of identity: CacheEvidence.Identity, _ slotSize: Int) -> String {
    switch identity {
    case .kmalloc(let sizeClass, let variant):
      return classifier.classes.name(index: sizeClass, variant: SizeClasses.Variant(rawValue: variant) ?? .normal)
    case .named(let name):
      return strings.string(name)
    case .own(let callSite):
      return "(own cache of \(strings.string(callSite).prefix { $0 != "+" }))"
    case .site(let site):
      let text = strings.string(evidence.sites[site].callSite)
      return "(unknown \(slotSize) B, \(text.prefix { $0 != "+" }))"
    }
  }
}
