/// How a run of the tool ended.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  /// Done, and a threshold that the user set was exceeded.
  case thresholdExceeded = 1
  /// It could not be done, or, with `--strict`, data was lost.
  case failed = 2
  /// The command line makes no sense.
  case usage = 64
}

/// Why a command could not do its work: a message for the user.
struct CommandFailure: Error {
  var message: String

  init(_ message: String) { self.message = message }
}
