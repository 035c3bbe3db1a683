import KernelTypes
public import ProcSnapshots

/// Both indices computed from buddyinfo, held against what the kernel printed.
public struct IndexVerification: Sendable {
  /// Which of the kernel's files a line is from.
  public enum File: String, Sendable, Codable {
    case fragmentationIndex = "extfrag_index"
    case unusableIndex = "unusable_index"
  }

  /// One zone's line of a file.
  public struct Line: Sendable {
    public var file: File
    public var id: ZoneID
    /// Thousandths, from order 0.
    public var computed: [Int]
    public var printed: [Int]
    /// The steps of the buddy allocator which, done to buddyinfo's blocks, give all printed digits; empty if none are
    /// needed, `nil` if one or two don't suffice.
    public var moves: [BlockMove]?
    /// Whether the moves start from pagetypeinfo's blocks, which are read at another moment.
    public var startsFromPageTypes = false

    /// Numbers that are equal in every digit.
    public var equal: Int { zip(computed, printed).count { $0 == $1 } }
    public var isEqual: Bool { computed == printed }
  }

  public var lines: [Line] = []

  /// Numbers that could be compared.
  public var checked: Int { lines.reduce(0) { $0 + $1.printed.count } }
  /// Numbers that are equal in every digit.
  public var equal: Int { lines.reduce(0) { $0 + $1.equal } }
  public var equalLines: Int { lines.count { $0.isEqual } }
  /// Lines that one or two small moves explain.
  public var explainedLines: Int { lines.count { !$0.isEqual && $0.moves != nil } }

  public init(_ snapshot: Snapshot) {
    guard let buddyInfo = snapshot.buddyInfo else { return }
    let files = [
      (File.fragmentationIndex, snapshot.fragmentationIndex), (File.unusableIndex, snapshot.unusableIndex),
    ]
    for (file, content) in files {
      for printed in content?.zones ?? [] {
        guard let zone = buddyInfo.zones.first(where: { $0.id == printed.id }),
          zone.freeBlocks.count == printed.index.count
        else { continue }
        lines.append(
          Self.line(
            file, printed, FragmentationIndex(freeBlocks: zone.freeBlocks), Self.byTypes(snapshot, printed.id)))
      }
    }
  }

  private static func line(
    _ file: File, _ printed: FragmentationIndexFile.Zone, _ zone: FragmentationIndex, _ byTypes: FragmentationIndex?
  ) -> Line {
    func indices(_ zone: FragmentationIndex) -> [Int] {
      zone.freeBlocks.indices.map {
        file == .fragmentationIndex ? zone.fragmentationIndex(order: $0) : zone.unusableFreeIndex(order: $0)
      }
    }
    let computed = indices(zone)
    var line = Line(file: file, id: printed.id, computed: computed, printed: printed.index, moves: [])
    if line.isEqual { return line }
    line.moves = BlockMove.explaining(zone) { indices($0) == printed.index }
    if line.moves == nil, let byTypes, byTypes.freeBlocks.count == zone.freeBlocks.count, byTypes != zone {
      line.moves =
        indices(byTypes) == printed.index ? [] : BlockMove.explaining(byTypes) { indices($0) == printed.index }
      line.startsFromPageTypes = line.moves != nil
    }
    return line
  }

  /// The zone's blocks as pagetypeinfo adds up, if it counted them all.
  private static func byTypes(_ snapshot: Snapshot, _ id: ZoneID) -> FragmentationIndex? {
    let lists = snapshot.pageTypeInfo?.freeLists.filter { $0.id == id } ?? []
    guard let orders = lists.first?.freeBlocks.count, lists.allSatisfy({ $0.freeBlocks.count == orders }),
      !lists.contains(where: { $0.freeBlocks.contains(where: \.isCapped) })
    else { return nil }
    return FragmentationIndex(
      freeBlocks: (0..<orders).map { order in lists.reduce(0) { $0 + $1.freeBlocks[order].blocks } })
  }
}

/// One step of the buddy allocator, as free blocks by order show it.
public struct BlockMove: Hashable, Sendable {
  public enum Kind: String, Sendable, Codable {
    /// A block is taken out of a larger one; the rest stays free in smaller blocks.
    case taken
    /// A block is freed, and merges with its buddies up to the larger one.
    case freed
  }

  public var kind: Kind
  /// The order of the block that was taken or freed.
  public var order: Int
  /// The order of the free block that it came from or became.
  public var outOf: Int

  /// The free blocks after this step; `nil` if they don't allow it.
  func applied(to zone: FragmentationIndex) -> FragmentationIndex? {
    var zone = zone
    let isTaken = kind == .taken
    guard !isTaken || zone.freeBlocks[outOf] > 0 else { return nil }
    for between in order..<outOf {
      if isTaken {
        zone.freeBlocks[between] += 1
      } else {
        if zone.freeBlocks[between] == 0 { return nil }
        zone.freeBlocks[between] -= 1
      }
    }
    if isTaken { zone.freeBlocks[outOf] -= 1 } else { zone.freeBlocks[outOf] += 1 }
    return zone
  }

  /// One or two steps after which `matches` is true; those with the fewest and smallest blocks first.
  static func explaining(
    _ zone: FragmentationIndex, _ matches: (FragmentationIndex) -> Bool
  ) -> [BlockMove]? {
    let moves = all(orders: zone.freeBlocks.count)
    for move in moves {
      if let after = move.applied(to: zone), matches(after) { return [move] }
    }
    for (number, first) in moves.enumerated() {
      guard let between = first.applied(to: zone) else { continue }
      for second in moves[...number] {
        if let after = second.applied(to: between), matches(after) { return [first, second] }
      }
    }
    return nil
  }

  /// All single steps, small blocks first.
  private static func all(orders: Int) -> [BlockMove] {
    (0..<orders).flatMap { outOf in
      (0...outOf).reversed().flatMap { order in
        [Kind.taken, .freed].map { BlockMove(kind: $0, order: order, outOf: outOf) }
      }
    }
  }
}

extension BlockMove: CustomStringConvertible {
  /// Such as `a block of order 0 taken out of order 3`.
  public var description: String {
    if order == outOf { return "a block of order \(order) \(kind.rawValue)" }
    return kind == .taken
      ? "a block of order \(order) taken out of order \(outOf)"
      : "a block of order \(order) freed, merged to order \(outOf)"
  }
}
