/// What a memory management unit did. Everything here is modelled.
public struct TLBCounters: Hashable, Sendable {
  /// Translations asked for.
  public var accesses: UInt64 = 0
  /// Those that a first-level buffer had.
  public var firstLevelHits: UInt64 = 0
  /// Those that only a second-level buffer had.
  public var secondLevelHits: UInt64 = 0
  /// Those that no buffer had: walks.
  public var misses: UInt64 = 0
  /// Walks for pages that are in the buffers, to set the dirty bit or because the rights there don't allow the access.
  public var repeatedWalks: UInt64 = 0
  /// Walks that ended in a fault.
  public var faults: UInt64 = 0
  /// Entries of tables that walks read.
  public var walkReferences: UInt64 = 0
  /// Entries that walks did not have to read, because a page-walk cache had what they name.
  public var skippedReferences: UInt64 = 0
  /// Walk references that the modelled data caches had, by cache; the rest went to memory.
  public var walkCacheHits: [UInt64] = []
  /// Data accesses that the modelled data caches had.
  public var dataCacheHits: [UInt64] = []
  /// Data accesses that the data caches were asked for.
  public var dataReferences: UInt64 = 0
  /// Flushes of one page.
  public var pageFlushes: UInt64 = 0
  /// Flushes of one address space.
  public var contextFlushes: UInt64 = 0
  /// Flushes of everything.
  public var fullFlushes: UInt64 = 0
  /// Entries that flushes took out.
  public var flushedEntries: UInt64 = 0
  /// Switches to another address space.
  public var switches: UInt64 = 0

  /// Flushes for which other processors had to be interrupted.
  public var remoteFlushes: UInt64 = 0

  public init() {}

  /// Adds what another unit did.
  public mutating func add(_ other: TLBCounters) {
    accesses += other.accesses
    firstLevelHits += other.firstLevelHits
    secondLevelHits += other.secondLevelHits
    misses += other.misses
    repeatedWalks += other.repeatedWalks
    faults += other.faults
    walkReferences += other.walkReferences
    skippedReferences += other.skippedReferences
    walkCacheHits = Self.sum(walkCacheHits, other.walkCacheHits)
    dataCacheHits = Self.sum(dataCacheHits, other.dataCacheHits)
    dataReferences += other.dataReferences
    pageFlushes += other.pageFlushes
    contextFlushes += other.contextFlushes
    fullFlushes += other.fullFlushes
    flushedEntries += other.flushedEntries
    switches += other.switches
    remoteFlushes += other.remoteFlushes
  }

  private static func sum(_ first: [UInt64], _ second: [UInt64]) -> [UInt64] {
    if first.isEmpty { return second }
    return first.indices.map { first[$0] + ($0 < second.count ? second[$0] : 0) }
  }

  /// Misses in percent of accesses.
  public var missPercent: Double { accesses == 0 ? 0 : Double(misses) / Double(accesses) * 100 }
}
