import KernelTypes
import TraceEvents

/// What one worker needs to decode records: a decoder with texts of its own, and buffers.
///
/// Everything but `published` belongs to the thread that works; `published` is shared under the pool's lock.
final class RingWorker {
  /// Texts and stacks by the worker's own identifiers, as far as finished jobs used them.
  struct Published {
    var strings: [[UInt8]] = [[]]
    var stacks: [[StringID]] = [[]]
  }

  var decoder: RecordDecoder
  let strings = StringInterner()
  let stacks = StackTable()
  private var stored = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 8)
  private var unpacked = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 8)
  var published = Published()

  init(_ catalogue: EventCatalogue) { decoder = RecordDecoder(catalogue, strings: strings, stacks: stacks) }

  deinit {
    stored.deallocate()
    unpacked.deallocate()
  }

  /// Room for the stored bytes of a piece.
  func storedRoom(_ count: Int) -> UnsafeMutableRawBufferPointer { Self.room(count, in: &stored) }

  /// Room for a piece's pages.
  func pageRoom(_ count: Int) -> UnsafeMutableRawBufferPointer { Self.room(count, in: &unpacked) }

  private static func room(
    _ count: Int, in buffer: inout UnsafeMutableRawBufferPointer
  ) -> UnsafeMutableRawBufferPointer {
    if buffer.count < count {
      buffer.deallocate()
      buffer = .allocate(byteCount: count, alignment: 8)
    }
    return UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
  }

  /// The texts and stacks that are new since the last call, to be published.
  func news() -> Published {
    var news = Published(strings: [], stacks: [])
    for id in published.strings.count..<max(strings.count, published.strings.count) {
      news.strings.append(strings.withBytes(of: StringID(rawValue: UInt32(id))) { Array($0) })
    }
    for id in published.stacks.count..<max(stacks.count + 1, published.stacks.count) {
      news.stacks.append(stacks[StackID(rawValue: UInt32(id))])
    }
    return news
  }
}

/// Translates one worker's identifiers into those of the trace, which are given in the order of the events.
struct IdentifierMap: ~Copyable {
  private static let unknown = UInt32.max

  private var strings: [[UInt8]] = []
  private var stacks: [[StringID]] = []
  private var stringIDs: [UInt32] = []
  private var stackIDs: [UInt32] = []

  /// Takes over what a worker has published since the last time.
  mutating func update(from published: RingWorker.Published) {
    if published.strings.count > strings.count { strings.append(contentsOf: published.strings[strings.count...]) }
    if published.stacks.count > stacks.count { stacks.append(contentsOf: published.stacks[stacks.count...]) }
    stringIDs.append(contentsOf: repeatElement(Self.unknown, count: strings.count - stringIDs.count))
    stackIDs.append(contentsOf: repeatElement(Self.unknown, count: stacks.count - stackIDs.count))
    if !stringIDs.isEmpty { stringIDs[0] = 0 }
    if !stackIDs.isEmpty { stackIDs[0] = 0 }
  }

  /// Takes over the texts that a worker without stacks has published since the last time.
  mutating func update(strings published: [[UInt8]]) {
    update(from: RingWorker.Published(strings: published, stacks: []))
  }

  @inline(__always)
  mutating func string(_ id: StringID, _ target: StringInterner) -> StringID {
    let known = stringIDs[id.index]
    return known != Self.unknown ? StringID(rawValue: known) : new(id, target)
  }

  @inline(never)
  private mutating func new(_ id: StringID, _ target: StringInterner) -> StringID {
    let text = strings[id.index]
    let new = text.withUnsafeBytes { target.intern($0) }
    stringIDs[id.index] = new.rawValue
    strings[id.index] = []
    return new
  }

  mutating func stack(_ id: StackID, _ target: StackTable, _ texts: StringInterner) -> StackID {
    let index = Int(id.rawValue)
    if stackIDs[index] != Self.unknown { return StackID(rawValue: stackIDs[index]) }
    var frames: [StringID] = []
    for frame in stacks[index] { frames.append(string(frame, texts)) }
    let new = target.intern(frames)
    stackIDs[index] = new.rawValue
    stacks[index] = []
    return new
  }

  /// Translates the rows of a column.
  mutating func translate(_ column: UnsafeMutablePointer<StringID>, _ rows: Range<Int>, _ target: StringInterner) {
    // Neighbours often have the same text.
    var last = (from: StringID.none, to: StringID.none)
    for row in rows {
      let id = column[row]
      if id != last.from { last = (id, string(id, target)) }
      column[row] = last.to
    }
  }
}
