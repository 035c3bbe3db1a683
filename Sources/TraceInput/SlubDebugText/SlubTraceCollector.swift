import KernelTypes
import TraceEvents

/// The allocation or free that a kernel log is telling about: a `TRACE` line of `slub_debug=T` and the dump behind it.
///
/// The line becomes an event at once; who did it, where and on which CPU comes with the lines behind it.
struct SlubTraceCollector: ~Copyable {
  /// Frames kept of one stack trace, as for ftrace's.
  private static let frameLimit = 256

  /// The line whose event is being told about; 0 if none is.
  private var line: UInt64 = 0
  private var isFree = false
  private var name = StringID.none
  private var cpu: UInt16 = 0
  private var pid: Int32 = 0
  private var comm = StringID.none
  private var objectBytes: UInt64 = 0
  private var frames: [StringID] = []
  private var callSite = StringID.none
  // How many frames of callers are passed over before the one that called the allocator.
  private var callersToSkip = 0
  private var hasFrames = false
  private var sizes: [StringID: UInt64] = [:]
  /// Events so far.
  private(set) var count = 0
  /// Allocations whose requested size is taken to be the object's, because logs don't have it.
  private(set) var assumedRequests: UInt64 = 0
  /// The release in the last line about a CPU.
  private(set) var kernelRelease: String?

  var isOpen: Bool { line != 0 }

  /// Begins with a `TRACE` line; returns its event.
  mutating func begin(_ trace: SlubTraceLine, line: UInt64, time: UInt64, strings: Texts) -> Event {
    self.line = line
    count += 1
    isFree = !trace.isAllocation
    (cpu, pid, comm, callSite) = (0, 0, .none, .none)
    (objectBytes, callersToSkip, hasFrames) = (0, 0, false)
    frames.removeAll(keepingCapacity: true)
    name = strings.intern(from: trace.nameStart, to: trace.nameEnd)
    let kmallocSize = strings.withBytes(of: name) { SlubCacheName.kmallocSize($0) }
    let kind: EventKind =
      switch (kmallocSize != nil, trace.isAllocation) {
      case (true, true): .kmalloc
      case (true, false): .kfree
      case (false, true): .kmemCacheAlloc
      case (false, false): .kmemCacheFree
      }
    var event = Event(kind: kind, time: time)
    event.position = line
    event.address = trace.address
    event.name = name
    if trace.isAllocation {
      event.allocatedBytes = kmallocSize ?? sizes[name] ?? 0
      event.requestedBytes = event.allocatedBytes
      assumedRequests += 1
      if trace.address == 0 { event.flags.insert(.failed) }
    }
    if trace.isHashed { event.flags.insert(.hashedPointer) }
    return event
  }

  /// Takes in a line behind the `TRACE` line; `false` if it does not belong to it, which ends the telling.
  mutating func add(_ line: Bytes, _ end: Bytes, strings: Texts) -> Bool {
    if addTask(line, end, strings) { return true }
    if isFree, !hasFrames, addObject(line, end) { return true }
    switch SlubStackLine(line, end) {
    case .frame(let start, let end):
      addFrame(start, end, strings)
      return true
    case .guess:
      return true
    case .none:
      return Self.isFrameOfStack(line, end)
    }
  }

  private static let frameWords = ["Hardware name", "Call Trace", "Backtrace:", "<", "Stack", "Object "].map {
    Array($0.utf8)
  }

  /// Whether a line stands around stack traces: `Call Trace:`, `<TASK>`, `Hardware name: …`.
  private static func isFrameOfStack(_ line: Bytes, _ end: Bytes) -> Bool {
    let start = line.skippingSpaces(before: end)
    return frameWords.contains { EventNames.starts(start, end, with: $0) }
  }

  private mutating func addFrame(_ start: Bytes, _ end: Bytes, _ strings: Texts) {
    hasFrames = true
    let frame = strings.intern(from: start, to: end)
    if frames.count < Self.frameLimit { frames.append(frame) }
    if callSite != .none { return }
    switch SlubStackLine.role(start, end) {
    case .allocator: callersToSkip = 0
    case .tracking: callersToSkip = 1
    case .caller:
      if callersToSkip == 0 { callSite = frame }
      callersToSkip -= 1
    }
  }

  /// `CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.192 #1`, with `UID: 0` since 6.12; before 3.11
  /// `Pid: 1, comm: swapper Not tainted 3.5.0 #1`.
  private mutating func addTask(_ line: Bytes, _ end: Bytes, _ strings: Texts) -> Bool {
    let isOld = EventNames.starts(line, end, with: Self.oldPID)
    guard isOld || EventNames.starts(line, end, with: Self.cpuKey) else { return false }
    if !isOld, let number = Self.number(behind: Self.cpuKey, line, end) { cpu = UInt16(truncatingIfNeeded: number) }
    if let number = Self.number(behind: isOld ? Self.oldPID : Self.pidKey, line, end) {
      pid = Int32(truncatingIfNeeded: number)
    }
    let key = isOld ? Self.oldComm : Self.commKey
    guard let start = Self.place(behind: key, line, end) else { return true }
    // Names may hold spaces, so this one ends where the taint begins.
    let stop = Self.place(of: Self.notTainted, start, end) ?? Self.place(of: Self.tainted, start, end)
    let nameEnd = stop ?? start.space(before: end)
    comm = strings.intern(from: start, to: nameEnd)
    if kernelRelease == nil, let untainted = Self.place(behind: Self.notTainted, start, end) {
      let release = untainted.skippingSpaces(before: end)
      kernelRelease = String(
        decoding: UnsafeBufferPointer(start: release, count: release.space(before: end) - release), as: UTF8.self)
    }
    return true
  }

  private static let cpuKey = Array("CPU: ".utf8)
  private static let pidKey = Array(" PID: ".utf8)
  private static let commKey = Array(" Comm: ".utf8)
  private static let oldPID = Array("Pid: ".utf8)
  private static let oldComm = Array(", comm: ".utf8)
  private static let notTainted = Array(" Not tainted ".utf8)
  private static let tainted = Array(" Tainted: ".utf8)

  private static func place(of word: [UInt8], _ start: Bytes, _ end: Bytes) -> Bytes? {
    var cursor = start
    while end - cursor >= word.count {
      if cursor.pointee == word[0], EventNames.starts(cursor, end, with: word) { return cursor }
      cursor += 1
    }
    return nil
  }

  private static func place(behind word: [UInt8], _ start: Bytes, _ end: Bytes) -> Bytes? {
    place(of: word, start, end).map { $0 + word.count }
  }

  private static func number(behind word: [UInt8], _ start: Bytes, _ end: Bytes) -> UInt64? {
    guard var cursor = place(behind: word, start, end) else { return nil }
    var trouble = NumberTrouble.none
    let number = Numbers.decimal(&cursor, end, &trouble)
    return trouble == .none ? number : nil
  }

  /// `Object ffff88800244c200: 00 da 44 02 …  ..D.`: up to 16 of the freed object's bytes.
  private mutating func addObject(_ line: Bytes, _ end: Bytes) -> Bool {
    guard EventNames.starts(line, end, with: Self.object),
      let colon = Self.place(behind: Self.colon, line + Self.object.count, end)
    else { return false }
    var cursor = colon
    while end - cursor >= 2, cursor.pointee.isHexDigit, cursor[1].isHexDigit, objectBytes < 1 << 22 {
      objectBytes += 1
      cursor += 2
      if cursor < end, cursor.pointee == UInt8(ascii: " ") { cursor += 1 }
    }
    return true
  }

  private static let object = Array("Object ".utf8)
  private static let colon = Array(": ".utf8)

  /// Ends the telling and completes the event, which is one of the batch's last rows.
  mutating func close(in batch: inout EventBatch, stacks: StackTable) {
    if line == 0 { return }
    defer { line = 0 }
    if isFree, objectBytes > 0, hasFrames { sizes[name] = objectBytes }
    var row = batch.count - 1
    while row >= 0, batch.position[row] > line { row -= 1 }
    guard row >= 0, batch.position[row] == line else { return }
    batch.cpu[row] = cpu
    if comm != .none {
      batch.flags[row].insert(.hasTask)
      batch.pid[row] = pid
      batch.comm[row] = comm
    }
    batch.callSite[row] = callSite != .none ? callSite : frames.last ?? .none
    batch.stack[row] = stacks.intern(frames)
  }
}
