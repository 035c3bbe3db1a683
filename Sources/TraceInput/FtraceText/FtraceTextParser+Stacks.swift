import Glibc
import KernelTypes
import TraceEvents

/// The stack trace being read, and what is needed to find the event it belongs to.
struct StackCollector: ~Copyable {
  private enum State {
    case closed
    case open(row: Int)
    case ignored
  }

  /// Frames kept of one stack trace; the kernel itself stops at 32 or so, perf at 127.
  private static let frameLimit = 256

  private var state = State.closed
  private(set) var isCallChain = false
  private var frames: [StringID] = []
  // The last line on each CPU whose event is in no batch: a stack trace behind it is not for the event before it.
  private let otherLines: UnsafeMutablePointer<UInt64>
  private(set) var lastOtherLine: UInt64 = 0

  init() {
    // calloc, because untouched pages of it cost nothing.
    let count = Int(UInt16.max) + 1
    let memory = calloc(count, MemoryLayout<UInt64>.stride)
    otherLines = memory.map { $0.bindMemory(to: UInt64.self, capacity: count) } ?? .allocate(capacity: count)
  }

  deinit { free(otherLines) }

  var isOpen: Bool {
    if case .closed = state { false } else { true }
  }

  mutating func noteOther(cpu: UInt16, line: UInt64) {
    otherLines[Int(cpu)] = line
    lastOtherLine = line
  }

  func otherLine(cpu: UInt16) -> UInt64 { otherLines[Int(cpu)] }

  mutating func open(row: Int, isCallChain: Bool) {
    state = .open(row: row)
    self.isCallChain = isCallChain
    frames.removeAll(keepingCapacity: true)
  }

  mutating func ignore() {
    state = .ignored
    isCallChain = false
  }

  mutating func ignoreCallChain() {
    state = .ignored
    isCallChain = true
  }

  mutating func add(_ frame: StringID) {
    if case .open = state, frames.count < Self.frameLimit { frames.append(frame) }
  }

  var wantsFrames: Bool {
    if case .open = state { true } else { false }
  }

  /// Ends the stack trace; its row and frames if it belongs to an event.
  mutating func close() -> (row: Int, frames: [StringID])? {
    defer { state = .closed }
    if case .open(let row) = state { return (row, frames) }
    return nil
  }
}

extension FtraceTextParser {
  /// Starts a stack trace for the last event of `cpu`, which may have lines of other CPUs behind it.
  mutating func openStack(cpu: UInt16, in batch: borrowing EventBatch) {
    spanningLines &+= 1
    hasTraceLines = true
    var row = batch.count - 1
    while row >= 0, batch.cpu[row] != cpu { row -= 1 }
    let other = stack.otherLine(cpu: cpu)
    if row >= 0, batch.position[row] > other, batch.stack[row] == .none {
      stack.open(row: row, isCallChain: false)
    } else {
      stack.ignore()
      if other == 0 || row >= 0 && batch.position[row] > other {
        statistics.count(.orphanStacks, at: .line(lineNumber))
      }
    }
  }

  /// Adds a frame line of the kernel or of trace-cmd: ` => symbol`, `=> symbol (address)`, ` => symbol <address>`.
  mutating func collectFrame(_ line: Bytes, _ end: Bytes) {
    spanningLines &+= 1
    guard stack.isOpen else {
      statistics.count(.orphanStacks, at: .line(lineNumber), text: LineSample.text(line, end))
      return stack.ignore()
    }
    guard stack.wantsFrames else { return }
    let (start, stop) = StackFrames.symbol(inArrow: line, end)
    if start < stop { stack.add(strings.intern(start, count: stop - start)) }
  }

  /// Adds a line of perf's call chain, `\tffffffff816349cd symbol+0x20d ([kernel.kallsyms])`, to the event above it.
  mutating func collectCallChain(_ line: Bytes, _ end: Bytes, in batch: inout EventBatch) {
    spanningLines &+= 1
    if !stack.isOpen {
      let row = batch.count - 1
      if row >= 0, batch.position[row] > stack.lastOtherLine, batch.stack[row] == .none {
        stack.open(row: row, isCallChain: true)
      } else {
        stack.ignoreCallChain()
        if stack.lastOtherLine == 0 {
          statistics.count(.orphanStacks, at: .line(lineNumber), text: LineSample.text(line, end))
        }
      }
    }
    guard stack.wantsFrames else { return }
    let (start, stop) = StackFrames.symbol(inCallChain: line, end)
    if start < stop { stack.add(strings.intern(start, count: stop - start)) }
  }

  /// Gives the stack trace just read, if there is one, to its event.
  @inline(__always)
  mutating func closeStack(in batch: inout EventBatch) {
    if stack.isOpen { finishStack(in: &batch) }
  }

  @inline(never)
  private mutating func finishStack(in batch: inout EventBatch) {
    guard let (row, frames) = stack.close(), row < batch.count else { return }
    batch.stack[row] = stacks.intern(frames)
  }
}

/// Recognises and takes apart the lines of stack traces.
enum StackFrames {
  /// Whether a line is a frame of the kernel (` => `) or of trace-cmd (`=> `).
  @inline(__always)
  static func isArrow(_ line: Bytes, _ end: Bytes) -> Bool {
    if end - line < 3 { return false }
    if line.load4() == word4(" => ") { return true }
    return line.load2() == word2("=>") && line[2] == UInt8(ascii: " ")
  }

  /// Whether a line has perf's form: spaces, a hexadecimal address, a space.
  static func isCallChain(_ line: Bytes, _ end: Bytes) -> Bool {
    let start = line.skippingSpaces(before: end)
    var cursor = start
    while cursor < end, cursor.pointee.isHexDigit { cursor += 1 }
    return start > line && cursor > start && cursor < end && cursor.pointee == UInt8(ascii: " ")
  }

  static func symbol(inArrow line: Bytes, _ end: Bytes) -> (Bytes, Bytes) {
    let start = (line.first(UInt8(ascii: ">"), before: end) + 1).skippingSpaces(before: end)
    var stop = start.space(before: end)
    // A module's name belongs to the symbol, an address does not.
    if end - stop > 2, stop.load2() == word2(" [") { stop = end }
    return (min(start, end), stop)
  }

  static func symbol(inCallChain line: Bytes, _ end: Bytes) -> (Bytes, Bytes) {
    var cursor = line
    while cursor < end, cursor.pointee == UInt8(ascii: " ") || cursor.pointee == UInt8(ascii: "\t") { cursor += 1 }
    let address = cursor
    cursor = cursor.space(before: end)
    let start = cursor.skippingSpaces(before: end)
    if start == end { return (address, cursor) }
    return (start, start.space(before: end))
  }
}
