public import KernelTypes

/// What identifies a group of kmem_cache requests: they come from one place and have one size.
public struct AllocationSite: Hashable, Sendable {
  public var callSite: StringID
  public var requestedBytes: UInt64
  public var allocatedBytes: UInt64
}

/// Works out which cache a kmem_cache_alloc used when the kernel doesn't say (before 6.18).
///
/// Three kinds of evidence, strongest first: the name on the free of an object of the same site; the cache of other
/// objects on the same page in that page's lifetime; nothing, when the site forms a cache of its own. A site whose frees
/// carry several names (`mempool_alloc_slab`) stays divided: its objects are judged by their pages.
public struct CacheEvidence {
  /// A cache as far as the evidence goes.
  public enum Identity: Hashable, Sendable {
    case kmalloc(sizeClass: Int, variant: Int)
    case named(StringID)
    /// A cache that the traced kernel doesn't have: a call site's kmalloc requests, in a replay that tries that.
    case own(callSite: StringID)
    /// Nothing names it: the first of the sites that share it stands for it.
    case site(Int)
  }

  private var siteNumbers: [AllocationSite: Int] = [:]
  public private(set) var sites: [AllocationSite] = []
  // Number of the last site asked for, by call site: most call sites have one size.
  private var lastSite: [Int32] = []
  private var names: [[StringID: Int]] = []
  private var neighbours: [Set<Identity>] = []
  private var resolved: [Identity] = []

  public init() {}

  /// The number of a request's site.
  public mutating func site(callSite: StringID, requestedBytes: UInt64, allocatedBytes: UInt64) -> Int {
    while lastSite.count <= callSite.index { lastSite.append(-1) }
    let last = Int(lastSite[callSite.index])
    if last >= 0, sites[last].requestedBytes == requestedBytes, sites[last].allocatedBytes == allocatedBytes {
      return last
    }
    let key = AllocationSite(callSite: callSite, requestedBytes: requestedBytes, allocatedBytes: allocatedBytes)
    let number: Int
    if let known = siteNumbers[key] {
      number = known
    } else {
      number = sites.count
      siteNumbers[key] = number
      sites.append(key)
      names.append([:])
      neighbours.append([])
    }
    lastSite[callSite.index] = Int32(number)
    return number
  }

  /// An object of `site` was freed into, or allocated from, the cache `name`.
  public mutating func observe(site: Int, name: StringID) {
    names[site][name, default: 0] += 1
  }

  /// An object of `site` lies on a page that holds objects of `other`.
  public mutating func observe(site: Int, besides other: Identity) {
    if other == .site(site) { return }
    neighbours[site].insert(other)
    if case .site(let neighbour) = other { neighbours[neighbour].insert(.site(site)) }
  }

  /// All names that frees gave.
  func cacheNames(_ strings: StringInterner) -> Set<String> {
    names.reduce(into: []) { all, counts in all.formUnion(counts.keys.map { strings.string($0) }) }
  }

  /// Whether frees gave a site more than one name.
  func isDivided(site: Int) -> Bool { names[site].count > 1 }

  /// Draws the conclusions: afterwards `identity(site:)` answers.
  public mutating func resolve(kmallocIdentity: (StringID) -> Identity?) {
    var identities: [Identity?] = sites.indices.map { site in
      let best = names[site].max { ($0.value, $1.key) < ($1.value, $0.key) }
      return best.map { kmallocIdentity($0.key) ?? .named($0.key) }
    }
    // Names spread from page neighbour to page neighbour until nothing changes.
    var changed = true
    while changed {
      changed = false
      for site in sites.indices where identities[site] == nil {
        var found: Set<Identity> = []
        for neighbour in neighbours[site] {
          switch neighbour {
          case .site(let other):
            if let known = identities[other], sites[other].allocatedBytes == sites[site].allocatedBytes {
              found.insert(known)
            }
          case .named, .kmalloc, .own: found.insert(neighbour)
          }
        }
        if found.count == 1 {
          identities[site] = found.first
          changed = true
        }
      }
    }
    // Nameless sites that share pages with each other form one cache, called after the first of them.
    for site in sites.indices where identities[site] == nil {
      var group = [site]
      var index = 0
      while index < group.count {
        let member = group[index]
        identities[member] = .site(site)
        for case .site(let other) in neighbours[member].sorted(by: Self.order)
        where identities[other] == nil && sites[other].allocatedBytes == sites[site].allocatedBytes {
          identities[other] = .site(site)
          group.append(other)
        }
        index += 1
      }
    }
    resolved = identities.enumerated().map { $1 ?? .site($0) }
  }

  private static func order(_ left: Identity, _ right: Identity) -> Bool {
    switch (left, right) {
    case (.site(let a), .site(let b)): a < b
    default: false
    }
  }

  /// The cache of a site, after `resolve`; before, or for a later site, the site itself.
  public func identity(site: Int) -> Identity {
    site < resolved.count ? resolved[site] : .site(site)
  }
}
