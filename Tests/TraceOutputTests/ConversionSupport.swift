import Glibc
import KernelTypes
import TestSupport
import Testing
import TraceEvents
import TraceInput
import TraceOutput

/// What a writer makes of a source, as bytes.
func converted(
  _ source: any EventSource, capacity: Int = EventBatch.standardCapacity, zstdLevel: Int32? = nil,
  by makeWriter: (OutputBytes) throws -> any TraceWriter
) throws -> [UInt8] {
  let path = "/tmp/kmemreplay-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"
  let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
  try #require(descriptor >= 0)
  defer { close(descriptor) }
  unlink(path)
  let bytes = try OutputBytes(descriptor, zstdLevel: zstdLevel)
  let writer = try makeWriter(bytes)
  var batch = EventBatch(capacity: capacity)
  while try source.read(into: &batch) {
    try writer.write(batch, rows: 0..<batch.count, of: TraceTables(of: source))
  }
  try writer.finish(TraceTables(of: source))
  var result: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  lseek(descriptor, 0, SEEK_SET)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count <= 0 { break }
    result.append(contentsOf: buffer[..<count])
  }
  return result
}

/// The `.kmr` of a source.
func columnar(_ source: any EventSource, capacity: Int = EventBatch.standardCapacity) throws -> [UInt8] {
  try converted(source, capacity: capacity) { try ColumnarTraceWriter($0) }
}

/// All captures that come with the package.
let sampleNames = [
  "6.1-slub-smp1-stack", "6.1-slub-smp2-script-s20k", "6.1-slob-smp1-script-s20k", "6.12-slub-smp1-script-s20k",
]

extension Event {
  /// The columns as numbers, in one order; strings and stacks as identifiers.
  var columns: [UInt64] {
    [
      time, address, requestedBytes, allocatedBytes, position, UInt64(callSite.rawValue), UInt64(comm.rawValue),
      UInt64(gfp.rawValue), UInt64(name.rawValue), UInt64(stack.rawValue), UInt64(UInt32(bitPattern: pid)),
      UInt64(UInt16(bitPattern: node)), UInt64(cpu), UInt64(kind.rawValue), UInt64(order), UInt64(migrateType),
      UInt64(flags.rawValue),
    ]
  }
}

extension ReadTrace {
  /// Everything an event says, with strings and frames in words and without its place in the input.
  func meaning(_ event: Event) -> [String] {
    var columns = event.columns
    columns[4] = 0
    for index in 5...9 { columns[index] = 0 }
    return columns.map { "\($0)" }
      + [event.callSite, event.comm, event.gfp, event.name].map(text) + frames(event)
  }
}
