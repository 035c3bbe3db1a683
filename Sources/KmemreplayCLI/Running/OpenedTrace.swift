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
    let source = try TraceInput.open(path: path)
    return OpenedTrace(source: source) {
      let progress = source.progress
      return progress.totalBytes.map { Double(progress.bytesRead) / Double(max($0, 1)) }
    }
  }
}
