/// `/proc/slabinfo`, version 2.1: objects and slabs by cache.
///
/// Follows `slabinfo_show` in mm/slab_common.c and mm/slab.c, Linux 6.1. SLOB has no such file, and SLUB shows caches that
/// it has merged only once. Root reads it.
public struct SlabInfo: KernelFile {
  /// What SLAB counts with CONFIG_DEBUG_SLAB.
  public struct Statistics: Hashable, Sendable {
    /// listallocs, maxobjs, grown, reaped, error, maxfreeable, nodeallocs, remotefrees, alienoverflow
    public var global: [UInt64]
    /// allochit, allocmiss, freehit, freemiss
    public var cpu: [UInt64]
  }

  public struct Cache: Hashable, Sendable {
    public var name: String
    public var activeObjects: UInt64
    public var objects: UInt64
    /// Bytes from one object to the next, metadata included.
    public var objectSize: UInt64
    public var objectsPerSlab: UInt64
    public var pagesPerSlab: UInt64
    /// limit, batchcount, sharedfactor; all 0 with SLUB.
    public var tunables: [UInt64]
    public var activeSlabs: UInt64
    public var slabs: UInt64
    public var sharedAvailable: UInt64
    public var statistics: Statistics?
  }

  /// Whether the first line says `(statistics)`.
  public var hasStatistics: Bool
  public var caches: [Cache]
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    guard var first = text.line(), first.take("slabinfo - version: ") else {
      throw text.wrongKind(text.peek(), expected: "`slabinfo - version: 2.1` in the first line")
    }
    guard first.take("2.1") else {
      throw SnapshotError(
        .unsupportedVersion, file: content.name, line: 1, found: "slabinfo of another version",
        expected: "version 2.1 (Linux 2.6.10 and later)")
    }
    hasStatistics = first.take(" (statistics)")
    caches = []
    while var cursor = text.line() {
      let line = cursor
      if cursor.take("#") { continue }
      if let cache = cursor.cache(hasStatistics), cursor.isAtEnd {
        caches.append(cache)
      } else {
        text.leaveOut(line, expected: "name, 5 numbers : tunables, 3 numbers : slabdata, 3 numbers")
      }
    }
    try text.require(caches.count, atLeast: 0, of: "dentry 8022 8022 192 21 1 : tunables 0 0 0 : slabdata 382 382 0")
    damage = text.damageSoFar
  }

  public subscript(name: String) -> Cache? { caches.first { $0.name == name } }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.put("slabinfo - version: 2.1" + (hasStatistics ? " (statistics)\n" : "\n"))
    writer.put("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>")
    writer.put(" : tunables <limit> <batchcount> <sharedfactor>")
    writer.put(" : slabdata <active_slabs> <num_slabs> <sharedavail>")
    if hasStatistics {
      writer.put(" : globalstat <listallocs> <maxobjs> <grown> <reaped> <error> <maxfreeable> <nodeallocs>")
      writer.put(" <remotefrees> <alienoverflow> : cpustat <allochit> <allocmiss> <freehit> <freemiss>")
    }
    writer.newline()
    for cache in caches { writer.cache(cache) }
    return writer.bytes
  }
}

extension ByteWriter {
  fileprivate mutating func cache(_ cache: SlabInfo.Cache) {
    left(cache.name, 17)
    numbers([cache.activeObjects, cache.objects, cache.objectSize], [6, 6, 6])
    numbers([cache.objectsPerSlab, cache.pagesPerSlab], [4, 4])
    put(" : tunables")
    numbers(cache.tunables, [4, 4, 4])
    put(" : slabdata")
    numbers([cache.activeSlabs, cache.slabs, cache.sharedAvailable], [6, 6, 6])
    if let statistics = cache.statistics {
      put(" : globalstat")
      numbers(statistics.global, [7, 6, 5, 4, 4, 4, 4, 4, 4])
      put(" : cpustat")
      numbers(statistics.cpu, [6, 6, 6, 6])
    }
    newline()
  }

  private mutating func numbers(_ values: [UInt64], _ widths: [Int]) {
    for (value, width) in zip(values, widths) {
      put(" ")
      decimal(value, width)
    }
  }
}

extension FieldCursor {
  fileprivate mutating func cache(_ hasStatistics: Bool) -> SlabInfo.Cache? {
    guard let name = word(), let counts = numbers(5), take(" : tunables"), let tunables = numbers(3),
      take(" : slabdata"), let slabs = numbers(3)
    else { return nil }
    var cache = SlabInfo.Cache(
      name: name, activeObjects: counts[0], objects: counts[1], objectSize: counts[2], objectsPerSlab: counts[3],
      pagesPerSlab: counts[4], tunables: tunables, activeSlabs: slabs[0], slabs: slabs[1], sharedAvailable: slabs[2])
    if hasStatistics {
      guard take(" : globalstat"), let global = numbers(9), take(" : cpustat"), let cpu = numbers(4) else { return nil }
      cache.statistics = .init(global: global, cpu: cpu)
    }
    return cache
  }

  private mutating func numbers(_ count: Int) -> [UInt64]? {
    var numbers: [UInt64] = []
    for _ in 0..<count {
      guard let number = paddedDecimal(), number <= countLimit else { return nil }
      numbers.append(number)
    }
    return numbers
  }
}
