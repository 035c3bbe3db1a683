import ArgumentParser
import FoundationEssentials
import Glibc
import TraceEvents

/// Runs the tool's commands in process.
public enum CommandRunner {
  /// Runs the command that `arguments` (without the program's name) ask for, and never exits.
  public static func run(_ arguments: [String], in environment: CommandEnvironment) -> ExitStatus {
    do {
      var command = try KmemreplayCommand.parseAsRoot(arguments)
      let colour = (command as? any ReportingCommand)?.output.color ?? .auto
      if let tool = command as? any ToolCommand { return try tool.run(in: colour.applied(to: environment)) }
      try command.run()
      return .done
    } catch let error as CommandFailure {
      return fail(error.message, environment)
    } catch let error as TraceError {
      return fail(error.description, environment)
    } catch let error as SinkError {
      return finish(error, environment)
    } catch {
      return finishParsing(error, environment)
    }
  }

  private static func fail(_ message: String, _ environment: CommandEnvironment) -> ExitStatus {
    try? environment.errors.write("kmemreplay: \(message)\n")
    return .failed
  }

  /// A reader that has seen enough, such as `head`, is no failure.
  private static func finish(_ error: SinkError, _ environment: CommandEnvironment) -> ExitStatus {
    switch error {
    case .brokenPipe: .done
    case .failed(let reason): fail("standard output can't be written: \(reason)", environment)
    }
  }

  /// What the argument parser throws: requests for help, which are no errors, and usage errors.
  private static func finishParsing(_ error: any Error, _ environment: CommandEnvironment) -> ExitStatus {
    let message = KmemreplayCommand.fullMessage(for: error) + "\n"
    switch KmemreplayCommand.exitCode(for: error) {
    case .success:
      do throws(SinkError) {
        try environment.output.write(message)
        return .done
      } catch {
        return finish(error, environment)
      }
    case .validationFailure:
      try? environment.errors.write(message)
      return .usage
    default:
      return fail("\(error)", environment)
    }
  }

  /// Runs the tool on the process's own arguments and streams, and exits.
  public static func main() -> Never {
    // A closed pipe shall end a write with an error, not the process with a signal.
    signal(SIGPIPE, SIG_IGN)
    let errors = DescriptorSink(STDERR_FILENO)
    let variables = ProcessInfo.processInfo.environment
    var environment = CommandEnvironment(
      output: DescriptorSink(STDOUT_FILENO), errors: errors, showsProgress: errors.isTerminal, variables: variables)
    environment.outputStyle = Terminal.style(STDOUT_FILENO, variables)
    environment.errorStyle = Terminal.style(STDERR_FILENO, variables)
    exit(run(Array(CommandLine.arguments.dropFirst()), in: environment).rawValue)
  }
}
