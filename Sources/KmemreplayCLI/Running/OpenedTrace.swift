public import TraceEvents
import TraceInput

/// A trace that is ready to be read.
public struct OpenedTrace {
  public var source: any EventSource
  /// The part of the stored bytes that has been read (0 to 1), if the size of the input is known.
  public var fractionRead: () -> Double?

  public init(source: any EventSource, fractionRead: @escaping () -> Double? = { nil }) {
    self.source = source
    self.fractionRead = fractionRead
  }

  /// Opens the file at a path, or standard input for `-`.
  public static func open(_ path: String) throws(TraceError) -> OpenedTrace {
    reading(try TraceInput.open(path: path))
  }

  fileprivate static func reading(_ source: any TraceSource) -> OpenedTrace {
    OpenedTrace(source: source) {
      let progress = source.progress
      return progress.totalBytes.map { Double(progress.bytesRead) / Double(max($0, 1)) }
    }
  }
}

/// A trace that commands of several passes open more than once. Standard input is kept for that, outside memory.
public final class RepeatableTrace {
  private let path: String
  private var spooled: SpooledInput?

  /// A trace at a path; `-` is standard input.
  public init(_ path: String) { self.path = path }

  /// Opens the trace from its beginning.
  public func open() throws(TraceError) -> OpenedTrace {
    if path != TraceInput.standardInputPath { return try OpenedTrace.open(path) }
    if let spooled { return OpenedTrace.reading(try TraceInput.open(spooled)) }
    let input = try SpooledInput()
    spooled = input
    return OpenedTrace.reading(try TraceInput.open(input))
  }
}
