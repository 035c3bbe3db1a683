import KernelTypes
import TraceEvents

/// Translates one thread's identifiers into those of the trace, which are given in the order of the events.
struct IdentifierMap: ~Copyable {
  private static let unknown = UInt32.max

  private var strings: [[UInt8]] = [[]]
  private var stacks: [[StringID]] = [[]]
  private var stringIDs: [UInt32] = [0]
  private var stackIDs: [UInt32] = [0]

  /// Takes over what a worker has published since the last time.
  mutating func update(from published: DistinctTexts) {
    update(strings: published.strings)
    if published.stacks.count > stacks.count { stacks.append(contentsOf: published.stacks[stacks.count...]) }
    stackIDs.append(contentsOf: repeatElement(Self.unknown, count: stacks.count - stackIDs.count))
  }

  /// Takes over the texts that a worker without stacks has published since the last time.
  mutating func update(strings published: [[UInt8]]) {
    if published.count > strings.count { strings.append(contentsOf: published[strings.count...]) }
    stringIDs.append(contentsOf: repeatElement(Self.unknown, count: strings.count - stringIDs.count))
  }

  /// Takes over texts and stacks that are new.
  mutating func append(_ news: DistinctTexts) {
    strings.append(contentsOf: news.strings)
    stacks.append(contentsOf: news.stacks)
    stringIDs.append(contentsOf: repeatElement(Self.unknown, count: news.strings.count))
    stackIDs.append(contentsOf: repeatElement(Self.unknown, count: news.stacks.count))
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

  /// Translates all columns of some rows that hold identifiers of texts.
  mutating func translate(_ batch: borrowing EventBatch, _ rows: Range<Int>, _ target: StringInterner) {
    translate(batch.comm, rows, target)
    translate(batch.callSite, rows, target)
    translate(batch.gfp, rows, target)
    translate(batch.name, rows, target)
  }

  /// Translates the stack traces of some rows.
  mutating func translateStacks(
    _ batch: borrowing EventBatch, _ rows: Range<Int>, _ target: StackTable, _ texts: StringInterner
  ) {
    let column = batch.stack
    for row in rows where column[row] != .none { column[row] = stack(column[row], target, texts) }
  }
}
