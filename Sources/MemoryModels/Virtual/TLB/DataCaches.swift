/// The caches between the processor and memory, as plain set-associative arrays by physical address.
public struct DataCacheGeometry: Hashable, Sendable {
  /// One cache, the nearest first.
  public struct Cache: Hashable, Sendable {
    public var bytes: Int
    public var ways: Int

    public init(bytes: Int, ways: Int) {
      self.bytes = bytes
      self.ways = ways
    }
  }

  public var caches: [Cache]
  public var lineBytes: Int

  /// 32 KiB with 8 ways and 1 MiB with 16, lines of 64 bytes.
  public init(
    caches: [Cache] = [Cache(bytes: 32 << 10, ways: 8), Cache(bytes: 1 << 20, ways: 16)], lineBytes: Int = 64
  ) {
    self.caches = caches
    self.lineBytes = lineBytes
  }

  /// Reads sizes and ways such as `32K/8,1M/16`, the nearest cache first; `nil` if they make no sense.
  public init?(parsing text: String, lineBytes: Int = 64) {
    var caches: [Cache] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "/", omittingEmptySubsequences: false)
      guard sides.count == 2, let unit = sides[0].last, let shift = ["K": 10, "M": 20][unit],
        let size = Int(sides[0].dropLast()), (1..<1 << 20).contains(size), let ways = Int(sides[1])
      else { return nil }
      caches.append(Cache(bytes: size << shift, ways: ways))
    }
    self.init(caches: caches, lineBytes: lineBytes)
    if !isValid { return nil }
  }

  /// Whether the model can have it.
  public var isValid: Bool {
    (8...4096).contains(lineBytes) && lineBytes.nonzeroBitCount == 1 && (1...4).contains(caches.count)
      && caches.allSatisfy {
        (1...128).contains($0.ways) && (1...(1 << 30)).contains($0.bytes) && $0.bytes % (lineBytes * $0.ways) == 0
      }
  }
}

/// The caches' lines. Every cache gets every line that passes; nothing is written back.
struct DataCaches: ~Copyable {
  private let arrays: UnsafeMutablePointer<SetAssociativeArray>
  let count: Int
  private let lineShift: UInt64

  init(_ geometry: DataCacheGeometry, policy: ReplacementPolicy) {
    count = geometry.isValid ? geometry.caches.count : 0
    lineShift = UInt64(geometry.lineBytes.trailingZeroBitCount)
    arrays = .allocate(capacity: max(count, 1))
    for index in 0..<count {
      let cache = geometry.caches[index]
      (arrays + index).initialize(
        to: SetAssociativeArray(entries: cache.bytes / geometry.lineBytes, ways: cache.ways, policy: policy))
    }
  }

  deinit {
    arrays.deinitialize(count: count)
    arrays.deallocate()
  }

  /// Reads or writes a byte; returns the index of the cache that had its line, or `count` for memory.
  mutating func access(_ physical: UInt64) -> Int {
    let line = physical >> lineShift
    let key = line | 1 << 63
    var found = count
    for index in 0..<count {
      let set = arrays[index].set(line)
      let place = arrays[index].find(key, set: set)
      if place >= 0 {
        arrays[index].touch(place, set: set)
        found = index
        break
      }
    }
    for index in 0..<found {
      let set = arrays[index].set(line)
      arrays[index].insert(key, 0, set: set)
    }
    return found
  }
}
