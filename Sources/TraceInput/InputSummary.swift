public import TraceEvents

/// What is known about an input as a file.
public struct InputSummary: Sendable, Equatable {
  /// The name as the user gave it; `standard input` for `-`.
  public var name: String
  public var compression: TraceContext.Compression
  /// The size as stored, in bytes; `nil` for a pipe.
  public var byteSize: UInt64?

  public init(name: String, compression: TraceContext.Compression, byteSize: UInt64?) {
    self.name = name
    self.compression = compression
    self.byteSize = byteSize
  }
}

/// Choices for reading a trace.
public struct InputOptions: Sendable, Equatable {
  /// Whether lines of a known shape may take the fast path. Both paths give the same events; tests and measurements
  /// turn it off.
  public var usesFastPath: Bool

  /// Whether packed files of a megabyte and more are unpacked on a thread of their own.
  public var unpacksInBackground: Bool

  /// How many threads decode, the calling one included; `nil` is one for each processor. The events are the same.
  public var threads: Int?

  /// The directory in whose folder `formats` or `events` the formats of events are looked for, if a perf.data file has
  /// lost its own; `nil` is the trace's directory.
  public var directory: String?

  public init(
    usesFastPath: Bool = true, unpacksInBackground: Bool = true, threads: Int? = nil, directory: String? = nil
  ) {
    self.usesFastPath = usesFastPath
    self.threads = threads
    self.unpacksInBackground = unpacksInBackground
    self.directory = directory
  }
}
