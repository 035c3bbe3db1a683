public import Reports
public import TraceEvents

/// Everything outside that a command touches, so that tests can run commands in process.
public struct CommandEnvironment {
  /// Standard output.
  public var output: any TextSink
  /// Standard error.
  public var errors: any TextSink
  /// What text on standard output, and on standard error, is rendered for.
  public var outputStyle = TextStyle.plain
  public var errorStyle = TextStyle.plain
  /// Whether standard error is a terminal, where progress may be shown.
  public var showsProgress: Bool
  /// The variables of the process's environment.
  public var variables: [String: String]
  /// Opens the trace at a path for one pass; `-` is standard input.
  public var openTrace: (String) throws(TraceError) -> OpenedTrace
  /// Makes what opens the trace at a path for each of several passes; `-` is standard input.
  public var openRepeatedly: (String) -> (() throws(TraceError) -> OpenedTrace)

  public init(
    output: any TextSink, errors: any TextSink, showsProgress: Bool = false,
    variables: [String: String] = [:],
    openTrace: @escaping (String) throws(TraceError) -> OpenedTrace = OpenedTrace.open,
    openRepeatedly: @escaping (String) -> (() throws(TraceError) -> OpenedTrace) = { RepeatableTrace($0).open }
  ) {
    self.output = output
    self.errors = errors
    self.showsProgress = showsProgress
    self.variables = variables
    self.openTrace = openTrace
    self.openRepeatedly = openRepeatedly
  }
}
