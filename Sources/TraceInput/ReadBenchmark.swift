import Glibc
public import TraceEvents

/// Measures how fast a trace is read, beside the fastest thing one can do with its lines: looking for their ends.
///
/// Seconds differ from machine to machine and with what else runs; the ratio to the `memchr` pass of the same run
/// holds. The input is held in memory, so that no disk or decoder is measured.
public struct ReadBenchmark: Sendable {
  /// One way through the input.
  public struct Pass: Sendable {
    public var seconds: Double
    public var events: UInt64
    public var lines: UInt64
  }

  /// Bytes of text that each pass went through.
  public var bytes: UInt64
  /// Looking for line ends with `memchr`.
  public var lineEnds: Pass
  /// Reading by the general rules only.
  public var general: Pass
  /// Reading with the fast path.
  public var fast: Pass

  /// Bytes of text a second, in 10⁹.
  public func gigabytesPerSecond(_ pass: Pass) -> Double { Double(bytes) * 1e-9 / max(pass.seconds, 1e-9) }

  /// How many times as long as the search for line ends a pass took.
  public func ratio(_ pass: Pass) -> Double { pass.seconds / max(lineEnds.seconds, 1e-9) }

  /// Runs each pass `repetitions` times over the text of the trace at `path`, repeated until it has `minimumBytes`,
  /// and keeps the fastest. Throws what `TraceInput.open` throws.
  public static func run(path: String, minimumBytes: Int = 0, repetitions: Int = 3) throws(TraceError) -> ReadBenchmark
  {
    let text = try load(path, minimumBytes)
    var result = ReadBenchmark(
      bytes: UInt64(text.count), lineEnds: countLines(text), general: try read(text, path, usesFastPath: false),
      fast: try read(text, path, usesFastPath: true))
    for _ in 1..<max(repetitions, 1) {
      result.lineEnds = faster(result.lineEnds, countLines(text))
      result.general = faster(result.general, try read(text, path, usesFastPath: false))
      result.fast = faster(result.fast, try read(text, path, usesFastPath: true))
    }
    return result
  }

  /// Reads the file at `path` from memory as it is stored, whatever its container and packing, `repetitions` times; the
  /// fastest pass, and the bytes as stored.
  public static func stored(path: String, repetitions: Int = 3) throws(TraceError) -> (bytes: UInt64, pass: Pass) {
    let file = try collect(FileBytes(path: path))
    var best: Pass?
    for _ in 0..<max(repetitions, 1) {
      let pass = try read(file, path, usesFastPath: true)
      best = best.map { faster($0, pass) } ?? pass
    }
    return (UInt64(file.count), best ?? Pass(seconds: 0, events: 0, lines: 0))
  }

  private static func faster(_ left: Pass, _ right: Pass) -> Pass { left.seconds <= right.seconds ? left : right }

  private static func load(_ path: String, _ minimumBytes: Int) throws(TraceError) -> [UInt8] {
    let once = try collect(TraceInput.unpack(FileBytes(path: path), name: path).bytes)
    var text = once
    text.reserveCapacity(minimumBytes + once.count)
    while text.count < minimumBytes, !once.isEmpty { text.append(contentsOf: once) }
    return text
  }

  private static func collect(_ source: any ByteSource) throws(TraceError) -> [UInt8] {
    var once: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      let count = try source.read(into: buffer)
      if count == 0 { break }
      once.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    return once
  }

  private static func countLines(_ text: [UInt8]) -> Pass {
    let start = ContinuousClock.now
    let lines = text.withUnsafeBytes { bytes -> UInt64 in
      var lines: UInt64 = 0
      var rest = bytes[...]
      while let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress, let found = memchr(base, 10, rest.count) {
        lines += 1
        rest = rest.dropFirst(UnsafeRawPointer(found) - base + 1)
      }
      return lines
    }
    return Pass(seconds: seconds(since: start), events: 0, lines: lines)
  }

  private static func read(_ text: [UInt8], _ name: String, usesFastPath: Bool) throws(TraceError) -> Pass {
    let start = ContinuousClock.now
    let source = try TraceInput.open(bytes: text, name: name, options: InputOptions(usesFastPath: usesFastPath))
    var batch = EventBatch()
    while try source.read(into: &batch) {}
    let statistics = source.statistics
    return Pass(seconds: seconds(since: start), events: statistics.events, lines: statistics.lines)
  }

  private static func seconds(since start: ContinuousClock.Instant) -> Double {
    let elapsed = start.duration(to: .now).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }
}
