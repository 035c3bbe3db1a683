import MemoryModels

/// What look-aside buffers did, for the reports of `faults` and `scenario`; all of it is modelled.
struct TLBFigures: Encodable {
  var modelled = true
  /// The processor's name, or its buffers as they were given; nothing where accesses go by the tables alone.
  var processor: String?
  var accesses: UInt64
  var firstLevelHits: UInt64
  var secondLevelHits: UInt64
  var misses: UInt64
  /// Walks for pages that the buffers had with too few rights, or as not dirty.
  var repeatedWalks: UInt64
  /// Walks that ended in a fault.
  var faultingMisses: UInt64
  /// Entries of tables that walks read.
  var walkReads: UInt64
  /// Entries that the walks' own caches spared them.
  var walkReadsSpared: UInt64
  var pageFlushes: UInt64
  /// Flushes of one address space.
  var spaceFlushes: UInt64
  var fullFlushes: UInt64
  var remoteFlushes: UInt64
  var flushedEntries: UInt64
  var switches: UInt64
  /// Hits by cache, the nearest first; left out without data caches.
  var walkReadsInCaches: [UInt64]?
  var dataReadsInCaches: [UInt64]?
  var dataReads: UInt64?

  init(_ counters: TLBCounters, _ processor: Processors.Settings?) {
    self.processor = processor?.geometry.name
    accesses = counters.accesses
    firstLevelHits = counters.firstLevelHits
    secondLevelHits = counters.secondLevelHits
    misses = counters.misses
    repeatedWalks = counters.repeatedWalks
    faultingMisses = counters.faults
    walkReads = counters.walkReferences
    walkReadsSpared = counters.skippedReferences
    pageFlushes = counters.pageFlushes
    spaceFlushes = counters.contextFlushes
    fullFlushes = counters.fullFlushes
    remoteFlushes = counters.remoteFlushes
    flushedEntries = counters.flushedEntries
    switches = counters.switches
    if processor?.dataCaches != nil {
      walkReadsInCaches = counters.walkCacheHits
      dataReadsInCaches = counters.dataCacheHits
      dataReads = counters.dataReferences
    }
  }

  /// The figures that matter to people; counts that are 0 and rarely aren't are left out.
  func table(of accessesName: String) -> TextTable {
    var table = TextTable([.init("TLB of \(processor ?? "nothing") [modelled]", isNumber: false), .init("")])
    func add(_ name: String, _ count: UInt64) { table.add([name, Units.count(count)]) }
    func addIfAny(_ name: String, _ count: UInt64) { if count > 0 { add(name, count) } }
    add(accessesName, accesses)
    add("hits, first level", firstLevelHits)
    add("hits, second level", secondLevelHits)
    add("misses", misses)
    addIfAny("walks again, for rights or the dirty bit", repeatedWalks)
    add("walks that ended in a fault", faultingMisses)
    add("page-table entries read by walks", walkReads)
    add("entries that page-walk caches spared", walkReadsSpared)
    for (index, hits) in (walkReadsInCaches ?? []).enumerated() { add("walk reads found in cache \(index + 1)", hits) }
    if let dataReads { add("data reads", dataReads) }
    for (index, hits) in (dataReadsInCaches ?? []).enumerated() { add("data reads found in cache \(index + 1)", hits) }
    addIfAny("switches of address space", switches)
    add("single pages flushed", pageFlushes)
    add("flushes of an address space", spaceFlushes)
    addIfAny("flushes of everything", fullFlushes)
    addIfAny("interrupts of other processors to flush", remoteFlushes)
    return table
  }
}
