import KernelTypes
import TraceEvents

/// What the fast path has learned from lines that the general path read: the columns of the trace's layout, the tasks
/// it has met, and the ends of lines (`bytes_req=… gfp_flags=…`), which repeat far more often than they change.
///
/// Every entry keeps the bytes it was made from and is used only for lines with exactly those bytes, so that the fast
/// path can't come to another result than the general path. Memory is fixed; a new entry takes the place of an old one.
struct FastPath: ~Copyable {
  /// The columns of a layout; it holds for lines that have the same punctuation in the same places.
  struct Layout {
    /// The column of the `[` before the CPU.
    var bracket = 0
    /// How many flag characters there are, 0 if the trace has none.
    var flags = 0
    /// The column of the point in the time stamp.
    var point = 0
    /// The first column of the time stamp's field, behind the flags.
    var time: Int { flags == 0 ? bracket + 5 : bracket + 6 + flags }

    @inline(__always)
    func hasSameColumns(as other: Layout) -> Bool {
      bracket == other.bracket && flags == other.flags && point == other.point
    }

    var isKnown = false
  }

  /// What the columns before the CPU say.
  struct Task {
    var comm = StringID.none
    var pid: Int32 = 0
    var flags = EventFlags()
    var keyLength = 0
    /// How many lines in perf's form a line of this task is.
    var perfLines = 0
  }

  static let taskKeyLimit = 64
  private static let taskCount = 256

  var layout = Layout()
  var tails = TailCache()
  let taskKeys: UnsafeMutablePointer<UInt8>
  let tasks: UnsafeMutablePointer<Task>
  var lastTask = 0
  var lastCPUWord: UInt32 = 0
  var lastCPU: UInt16 = 0
  var lastSecondsWord: UInt64 = 0
  /// The nanoseconds of the whole seconds that `lastSecondsWord` spells.
  var lastSeconds: UInt64 = 0
  var lastFlagsWord: UInt64 = 0

  init() {
    taskKeys = .allocate(capacity: Self.taskCount * Self.taskKeyLimit)
    taskKeys.initialize(repeating: 0, count: Self.taskCount * Self.taskKeyLimit)
    tasks = .allocate(capacity: Self.taskCount)
    tasks.initialize(repeating: Task(), count: Self.taskCount)
  }

  deinit {
    taskKeys.deallocate()
    tasks.deallocate()
  }

  /// Notes the layout and the task of a line that the general path understood.
  mutating func learn(_ prefix: LinePrefix, _ line: Bytes, _ event: Event) {
    guard !prefix.isTicks, prefix.style != .latency, let layout = Self.layout(of: line, prefix) else { return }
    if !layout.hasSameColumns(as: self.layout) {
      self.layout = layout
      self.layout.isKnown = true
      lastCPU = prefix.cpu
      lastCPUWord = line.load4(layout.bracket + 1)
      lastFlagsWord = Self.flagsWord(line, layout)
      lastSecondsWord = Self.secondsWord(line, layout)
      lastSeconds = prefix.time - prefix.time % 1_000_000_000
    }
    let slot = Self.taskSlot(line, layout.bracket)
    let length = layout.bracket + 1
    (taskKeys + slot * Self.taskKeyLimit).update(from: line, count: length)
    tasks[slot] = Task(
      comm: event.comm, pid: event.pid, flags: event.flags.intersection(.hasTask), keyLength: length,
      perfLines: prefix.style == .perf && prefix.hasTask ? 1 : 0)
  }

  // The first bracket must be the CPU's: with another one before it, more than the columns would have to be compared.
  private static func layout(of line: Bytes, _ prefix: LinePrefix) -> Layout? {
    var layout = Layout()
    let end = prefix.event
    layout.bracket = line.first(UInt8(ascii: "["), before: end) - line
    guard layout.bracket >= 16, layout.bracket < taskKeyLimit, line[layout.bracket + 4] == UInt8(ascii: "]") else {
      return nil
    }
    layout.flags = prefix.flagColumns
    layout.point = (line + layout.bracket + 6 + layout.flags).first(UInt8(ascii: "."), before: end) - line
    let width = layout.point - layout.time
    guard layout.flags < 8, width > 1, width <= 8, line[layout.point + 7] == UInt8(ascii: ":") else { return nil }
    return layout
  }

  /// The space before the flags and the flags, in the upper bytes of a word.
  @inline(__always)
  static func flagsWord(_ line: Bytes, _ layout: Layout) -> UInt64 {
    line.load8(layout.bracket &+ 5) &<< UInt64(truncatingIfNeeded: 56 &- layout.flags &* 8)
  }

  /// The time stamp's field up to the point, in the lower bytes of a word.
  @inline(__always)
  static func secondsWord(_ line: Bytes, _ layout: Layout) -> UInt64 {
    let width = layout.point &- layout.time
    return line.load8(layout.point &- 8) &>> UInt64(truncatingIfNeeded: 64 &- width &* 8)
  }

  @inline(__always)
  static func taskSlot(_ line: Bytes, _ bracket: Int) -> Int {
    let mixed = (line.load8(bracket &- 8) ^ line.load8(bracket &- 16) &* 31) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 56)
  }

  /// Whether `count` bytes, at least eight, are the same in both places.
  @inline(__always)
  static func isEqual(_ left: Bytes, _ right: Bytes, _ count: Int) -> Bool {
    var offset = 0
    while offset &+ 8 < count {
      if left.load8(offset) != right.load8(offset) { return false }
      offset &+= 8
    }
    return left.load8(count &- 8) == right.load8(count &- 8)
  }
}

/// The ends of lines met before, with what they say.
struct TailCache: ~Copyable {
  /// What the fields of a line's end come to.
  struct Entry {
    var kind = EventKind.mark
    var order: UInt8 = 0
    var migrateType: UInt8 = 0
    var flags = EventFlags()
    var node: Int16 = 0
    var length: Int32 = -1
    var gfp = StringID.none
    var name = StringID.none
    var requestedBytes: UInt64 = 0
    var allocatedBytes: UInt64 = 0
  }

  static let textLimit = 192
  private static let slotBits: UInt64 = 11

  let entries: UnsafeMutablePointer<Entry>
  let texts: UnsafeMutablePointer<UInt8>

  init() {
    let count = 1 << Int(Self.slotBits)
    entries = .allocate(capacity: count)
    entries.initialize(repeating: Entry(), count: count)
    texts = .allocate(capacity: count * Self.textLimit)
    texts.initialize(repeating: 0, count: count * Self.textLimit)
  }

  deinit {
    entries.deallocate()
    texts.deallocate()
  }

  /// Where a line's end belongs: a guess from a few of its bytes; a wrong guess costs time only.
  @inline(__always)
  static func slot(_ tail: Bytes, _ length: Int, _ callSite: StringID, _ kind: EventKind) -> Int {
    var mixed = UInt64(callSite.rawValue) | UInt64(kind.rawValue) << 32
    mixed ^= UInt64(truncatingIfNeeded: length) << 40
    if length >= 16 {
      mixed ^= tail.load8(8) &* 0xFF51_AFD7_ED55_8CCD
      mixed ^= tail.load8(length &- 8)
    } else {
      mixed ^= UInt64(tail[length &- 1]) << 48
    }
    return Int(truncatingIfNeeded: (mixed &* 0x9E37_79B9_7F4A_7C15) >> (64 - slotBits))
  }

  /// Whether the entry in `slot` was made from exactly this line's end.
  @inline(__always)
  func holds(_ slot: Int, _ tail: Bytes, _ length: Int, _ kind: EventKind) -> Bool {
    let entry = entries + slot
    guard entry.pointee.kind == kind, Int(entry.pointee.length) == length else { return false }
    let text = UnsafePointer(texts + slot &* Self.textLimit)
    if length >= 8 { return FastPath.isEqual(text, tail, length) }
    let unused = UInt64(truncatingIfNeeded: 64 &- length &* 8)
    return (text.load8() ^ tail.load8()) << unused == 0
  }

  func store(_ slot: Int, _ tail: Bytes, _ length: Int, _ event: Event) {
    entries[slot] = Entry(
      kind: event.kind, order: event.order, migrateType: event.migrateType, flags: event.flags, node: event.node,
      length: Int32(length), gfp: event.gfp, name: event.name, requestedBytes: event.requestedBytes,
      allocatedBytes: event.allocatedBytes)
    (texts + slot * Self.textLimit).update(from: tail, count: length)
  }
}
