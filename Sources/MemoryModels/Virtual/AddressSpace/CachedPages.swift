/// The pages of a file that are in the page cache, by their place in the file (`address_space.i_pages`).
final class CachedPages {
  private static let chunkShift: UInt64 = 9
  private static let chunkCount = 1 << 9

  // A page is kept as its number plus one, so that zero is none.
  private var chunks: [UInt64: UnsafeMutablePointer<Int32>] = [:]
  // The chunk used last: the pages around a fault are asked for in a row.
  // See `VirtualMemory` on unchecked exclusivity.
  @exclusivity(unchecked) private var lastKey = UInt64.max
  @exclusivity(unchecked) private var lastChunk: UnsafeMutablePointer<Int32>?
  private(set) var count = 0

  deinit { for chunk in chunks.values { chunk.deallocate() } }

  var isEmpty: Bool { count == 0 }

  @inline(__always)
  private func slot(_ place: UInt64) -> Int {
    Int(truncatingIfNeeded: place) & (Self.chunkCount &- 1)
  }

  /// The page at a place.
  subscript(place: UInt64) -> PageID? {
    @inline(__always) get {
      let key = place &>> Self.chunkShift
      let chunk = key == lastKey ? lastChunk : find(key)
      guard let page = chunk?[slot(place)], page != 0 else { return nil }
      return PageID(rawValue: page &- 1)
    }
    set {
      let key = place &>> Self.chunkShift
      let chunk = (key == lastKey ? lastChunk : find(key)) ?? (newValue == nil ? nil : add(key))
      guard let chunk else { return }
      let old = chunk[slot(place)]
      let new = newValue.map { $0.rawValue &+ 1 } ?? 0
      count += (new == 0 ? 0 : 1) - (old == 0 ? 0 : 1)
      chunk[slot(place)] = new
    }
  }

  @inline(never)
  private func find(_ key: UInt64) -> UnsafeMutablePointer<Int32>? {
    guard let chunk = chunks[key] else { return nil }
    lastKey = key
    lastChunk = chunk
    return chunk
  }

  private func add(_ key: UInt64) -> UnsafeMutablePointer<Int32> {
    let chunk = UnsafeMutablePointer<Int32>.allocate(capacity: Self.chunkCount)
    chunk.initialize(repeating: 0, count: Self.chunkCount)
    chunks[key] = chunk
    lastKey = key
    lastChunk = chunk
    return chunk
  }

  /// All pages, by their place.
  var all: [PageID] {
    chunks.keys.sorted().flatMap { key -> [PageID] in
      guard let chunk = chunks[key] else { return [] }
      return (0..<Self.chunkCount).compactMap { chunk[$0] == 0 ? nil : PageID(rawValue: chunk[$0] - 1) }
    }
  }
}
