public import KernelTypes

/// Where the two scanners of a zone stand, from one compaction to the next.
public struct CompactionPosition: Hashable, Sendable {
  /// The first frame that was not looked at for movable pages.
  public var migrate: PageFrame
  /// The pageblock below which free pages are looked for next.
  public var free: PageFrame

  /// Both ends of a zone.
  public init(start: PageFrame, end: PageFrame) {
    migrate = start
    free = end
  }
}

/// What a compaction did.
public struct CompactionRun: Hashable, Sendable {
  public enum Result: String, Hashable, Sendable, Codable {
    /// A block of the order is free.
    case success
    /// The scanners met without one.
    case complete
    /// Free pages for the moves ran out.
    case noTargets
  }

  /// A page that was moved.
  public struct Move: Hashable, Sendable {
    public var source: PageFrame
    public var target: PageFrame
  }

  public var result: Result = .complete
  public var moves: [Move] = []
  /// Frames looked at by the two scanners.
  public var scannedForMovable = 0
  public var scannedForFree = 0
}

extension Zone {
  /// Pages that are moved at a time (`COMPACT_CLUSTER_MAX`).
  private static let cluster = 32

  /// How hard a compaction tries.
  public enum CompactionMode: String, Hashable, Sendable, Codable {
    /// Pageblocks of other types than the request's are passed over.
    case asynchronous
    /// All pageblocks are looked at.
    case synchronous
  }

  /// Moves movable pages from the lower end of the zone to free ones at the upper end until a block of `order` is free.
  ///
  /// `order` is −1 to go on until the scanners meet (`compact_memory`). The caller must follow the moves: contents,
  /// mappings. Pages count as movable that were handed out as such. Follows `compact_zone`, `isolate_migratepages`,
  /// `isolate_freepages` and `__compact_finished` in mm/compaction.c, Linux 6.1, without the short cuts to likely places
  /// (`fast_find_migrateblock`, `fast_isolate_freepages`) and skip marks of pageblocks.
  public mutating func compact(
    order: Int, type: MigrateType, mode: CompactionMode, position: inout CompactionPosition
  ) -> CompactionRun {
    var run = CompactionRun()
    let size = 1 << buddy.pageblockOrder
    var targets: [Int] = []
    var migrate = max(index(max(position.migrate, start)), buddy.start)
    var free = min(index(min(position.free, end)), buddy.end)
    // From a run that ended, both begin anew.
    if migrate >= free {
      migrate = buddy.start
      free = buddy.end
    }
    scan: while true {
      if order >= 0, migrate % size == 0 || migrate == buddy.start,
        hasSuitableBlock(order: order, type: type)
      {
        run.result = .success
        break
      }
      if migrate >= free {
        run.result = .complete
        break
      }
      let blockEnd = min((migrate / size + 1) * size, buddy.end)
      if !isSource(migrate, type: type, mode: mode, order: order) {
        migrate = blockEnd
        continue
      }
      var sources: [Int] = []
      while migrate < blockEnd, migrate < free, sources.count < Self.cluster {
        let record = buddy.frames.record(migrate).pointee
        if record.place != .none, record.order > 0 {
          migrate += 1 << Int(record.order)
          continue
        }
        run.scannedForMovable += 1
        if !buddy.frames.isFree(migrate), buddy.frames.movableFrames(migrate..<(migrate + 1)) > 0 {
          sources.append(migrate)
        }
        migrate += 1
      }
      migrate = min(migrate, blockEnd)
      for source in sources {
        if targets.isEmpty { findTargets(&targets, above: migrate, free: &free, run: &run) }
        guard let target = targets.popLast() else {
          run.result = .noTargets
          break scan
        }
        buddy.frames.setMovable(target, true)
        buddy.frames.setMovable(source, false)
        run.moves.append(.init(source: frame(source), target: frame(target)))
        _ = self.free(frame(source), order: 0, cpu: 0, skipsPerCPU: true)
      }
    }
    for target in targets { _ = self.free(frame(target), order: 0, cpu: 0, skipsPerCPU: true) }
    position.migrate = frame(min(migrate, buddy.end))
    position.free = frame(min(free, buddy.end))
    if run.result == .complete { position = CompactionPosition(start: start, end: end) }
    return run
  }

  /// Whether a block of at least the order could serve a request now. Follows `__compact_finished`.
  public func hasSuitableBlock(order: Int, type: MigrateType) -> Bool {
    guard order <= buddy.maximumOrder else { return false }
    for larger in order...buddy.maximumOrder {
      if buddy.freeBlocks(order: larger, type: type) > 0 { return true }
      if type == .movable, buddy.freeBlocks(order: larger, type: .contiguous) > 0 { return true }
      // Blocks of other types count where the request would take over their pageblock.
      if larger >= buddy.pageblockOrder / 2 || type != .movable {
        for other in [MigrateType.unmovable, .movable, .reclaimable] where other != type {
          if buddy.freeBlocks(order: larger, type: other) > 0 { return true }
        }
      }
    }
    return false
  }

  /// Whether a pageblock is emptied. Follows `suitable_migration_source`.
  private func isSource(_ index: Int, type: MigrateType, mode: CompactionMode, order: Int) -> Bool {
    let block = buddy.pageblockType(index)
    if block == .isolate { return false }
    if mode == .synchronous || order < 0 { return true }
    return type == .movable ? block == .movable || block == .contiguous : block == type
  }

  /// Takes the free blocks of the next suitable pageblock from above. Follows `isolate_freepages`.
  private mutating func findTargets(
    _ targets: inout [Int], above limit: Int, free: inout Int, run: inout CompactionRun
  ) {
    let size = 1 << buddy.pageblockOrder
    while targets.count < Self.cluster {
      let block = (free - 1) / size * size
      guard block >= limit, block >= buddy.start else { return }
      defer { free = block }
      let type = buddy.pageblockType(block)
      let first = buddy.frames.record(block).pointee
      let isWholeFree = first.place == .buddy && Int(first.order) >= buddy.pageblockOrder
      if type != .movable && type != .contiguous || isWholeFree { continue }
      var index = block
      while index < free {
        let record = buddy.frames.record(index).pointee
        run.scannedForFree += 1
        guard record.place == .buddy else {
          index += 1
          continue
        }
        let pages = 1 << Int(record.order)
        if take(frame(index), order: Int(record.order)) {
          // The highest page is used first.
          for page in index..<(index + pages) { targets.append(page) }
        }
        index += pages
      }
    }
  }
}
