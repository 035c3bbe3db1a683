import KernelTypes
import TraceEvents

/// What the fast path has learned from lines that the general path read.
struct FastPath: ~Copyable {
  let strings: StringInterner

  init(strings: StringInterner) { self.strings = strings }

  mutating func learn(_ prefix: LinePrefix, _ line: Bytes, _ kind: EventKind) {}
}

extension FtraceTextParser {
  /// Reads a line of a known shape; `false`, with nothing changed, if it isn't one.
  @inline(__always)
  mutating func parseFast(_ line: Bytes, _ lineEnd: Bytes, into batch: inout EventBatch) -> Bool { false }
}
