public import KernelTypes
import TraceEvents

/// What the names in a result depend on besides the trace's events.
public struct WasteNaming: Sendable {
  /// Whether kmalloc caches are written with k (`kmalloc-1k`, not `kmalloc-1024`).
  public var usesUnitSuffixes = true
  /// Whether kmalloc has caches of its own for reclaimable memory (`kmalloc-rcl-64`), as far as is certain.
  public var hasReclaimableCaches = false
  /// Whether addresses are hashed, so that neighbours say nothing.
  public var hasHashedPointers = false
  /// Resolves raw call sites.
  public var symbols: SymbolTable?
  /// Tells which directory functions come from.
  public var sourceMap: SourceMap?

  public init(
    usesUnitSuffixes: Bool = true, hasReclaimableCaches: Bool = false, hasHashedPointers: Bool = false,
    symbols: SymbolTable? = nil, sourceMap: SourceMap? = nil
  ) {
    self.usesUnitSuffixes = usesUnitSuffixes
    self.hasReclaimableCaches = hasReclaimableCaches
    self.hasHashedPointers = hasHashedPointers
    self.symbols = symbols
    self.sourceMap = sourceMap
  }
}

extension WasteAnalysis {
  /// The sums, with their groups named and sorted.
  public consuming func finish(strings: StringInterner, naming: WasteNaming = WasteNaming()) -> WasteResult {
    if grouping == .cache, !naming.hasHashedPointers { resolveByNeighbours() }
    ledger.settleAll()
    let origin = self.origin
    func sinceFirst(_ time: UInt64) -> UInt64 { time >= origin ? time - origin : 0 }
    return WasteResult(
      grouping: grouping, family: family, total: ledger.total, frees: ledger.frees, live: ledger.liveSum,
      peak: .init(amount: ledger.peak, time: sinceFirst(ledger.peakTime)),
      peakWaste: .init(amount: ledger.wastePeak, time: sinceFirst(ledger.wastePeakTime)),
      groups: namedGroups(strings, naming),
      marks: marks.map { .init(text: strings.string($0.text), time: sinceFirst($0.time), live: $0.live) },
      marksOmitted: marksOmitted, pairing: pairing, clockAtFirstEvent: origin, endTime: sinceFirst(lastTime))
  }

  /// The groups under their names; groups of one name are one group, which is exact because every figure is a sum.
  private func namedGroups(_ strings: StringInterner, _ naming: WasteNaming) -> [WasteResult.Group] {
    var byName: [String: WasteResult.Group] = [:]
    for index in 0..<keys.count {
      let sums = ledger.groups[index]
      // All objects of the group may have moved to groups with better names.
      if sums.total.objects == 0, sums.live.objects == 0, sums.peak.objects == 0, sums.frees == 0 { continue }
      let (name, symbol) = name(of: index, strings, naming)
      var group =
        byName[name]
        ?? .init(key: name, symbol: symbol, total: Amount(), frees: 0, live: Amount(), peak: Amount())
      group.isWrapper = grouping == .callSite && keys[index].second == 0 && AllocationWrappers.contains(symbol ?? name)
      group.total.add(sums.total)
      group.frees += sums.frees
      group.live.add(sums.live)
      group.peak.add(sums.peak)
      byName[name] = group
    }
    return byName.values.sorted {
      ($1.live.wastedBytes, $0.key) < ($0.live.wastedBytes, $1.key)
    }
  }

  private func name(
    of index: Int, _ strings: StringInterner, _ naming: WasteNaming
  ) -> (key: String, symbol: String?) {
    let key = keys[index]
    let text = StringID(rawValue: UInt32(truncatingIfNeeded: key.first))
    switch grouping {
    case .callSite:
      let site = Self.site(text, strings)
      let symbol = naming.symbols?.describe(callSite: site)
      let caller = StringID(rawValue: UInt32(truncatingIfNeeded: key.second))
      if caller == .none { return (site, symbol) }
      let frame = strings.string(caller)
      let named = naming.symbols?.describe(callSite: frame)
      let text = "\(frame) via \(site)"
      return (text, symbol == nil && named == nil ? nil : "\(named ?? frame) via \(symbol ?? site)")
    case .subsystem:
      let caller = StringID(rawValue: UInt32(truncatingIfNeeded: key.second))
      let site = caller == .none ? Self.site(text, strings) : strings.string(caller)
      return (Self.subsystem(of: naming.symbols?.describe(callSite: site) ?? site, naming), nil)
    case .cache: return (cacheName(CacheKey(packed: key), group: index, strings, naming), nil)
    case .size: return ("\(key.first)", nil)
    case .task:
      if key.first == .max { return ("(no task said)", nil) }
      return ("\(strings.string(text))-\(Int32(truncatingIfNeeded: key.second))", nil)
    case .cpu: return ("\(key.first)", nil)
    case .node: return ("\(Int64(bitPattern: key.first))", nil)
    case .order: return (key.first == 0 ? "slab" : "order \(key.second)", nil)
    case .gfp: return (text == .none ? "(no flags said)" : strings.string(text), nil)
    }
  }

  private static func site(_ text: StringID, _ strings: StringInterner) -> String {
    text == .none ? "(no call site said)" : strings.string(text)
  }

  /// The directory that a call site's function comes from: by the source map, else the module in its brackets, else by how
  /// its name begins.
  static func subsystem(of site: String, _ naming: WasteNaming) -> String {
    let function = AllocationWrappers.function(of: site)
    if let directory = naming.sourceMap?.directory(of: function) { return directory }
    if site.hasSuffix("]"), let bracket = site.lastIndex(of: "[") {
      return String(site[site.index(after: bracket)...].dropLast()) + " (module)"
    }
    if AllocationWrappers.contains(site) { return "(a helper's callers)" }
    return SubsystemTable.directory(of: function) ?? SubsystemTable.unknown
  }

  private func cacheName(
    _ key: CacheKey, group: Int, _ strings: StringInterner, _ naming: WasteNaming
  ) -> String {
    switch key {
    case .kmalloc(let allocated, let requestClass, let isReclaimable):
      switch classes.server(allocated: allocated, requestClass: requestClass) {
      case .pages(let order): return "kmalloc (page allocator, order \(order))"
      case .unclassed: return "kmalloc (no size classes)"
      case .cache(let bytes):
        let prefix = isReclaimable && naming.hasReclaimableCaches ? "kmalloc-rcl-" : "kmalloc-"
        return naming.usesUnitSuffixes && bytes >= 1024 ? "\(prefix)\(bytes / 1024)k" : "\(prefix)\(bytes)"
      }
    case .named(let name): return strings.string(name)
    case .freedAs(let name, _): return strings.string(name)
    case .site(let site, _, let allocated):
      let names = evidence[group]
      if names.name != .none, !names.isSeveral { return strings.string(names.name) }
      let place = Self.site(site, strings)
      return "(unknown \(allocated) B, \(naming.symbols?.describe(callSite: place) ?? place))"
    }
  }
}
