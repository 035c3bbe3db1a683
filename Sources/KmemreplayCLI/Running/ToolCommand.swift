import ArgumentParser

/// A subcommand: its arguments, and what it does in an environment.
protocol ToolCommand: ParsableCommand {
  /// Does the work and writes its report; throws `CommandFailure`, `TraceError` or `SinkError` if it can't.
  func run(in environment: CommandEnvironment) throws -> ExitStatus
}

extension ToolCommand {
  func run() throws { throw CleanExit.helpRequest(Self.self) }
}

/// A subcommand whose report has the forms that `OutputOptions` offer.
protocol ReportingCommand: ToolCommand {
  var output: OutputOptions { get }
}
