import Analysis
import ArgumentParser
import Reports

/// `scenario`: a scripted workload through the models of virtual and physical memory.
struct ScenarioCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "scenario",
    abstract: "A scripted workload (map, touch, fork, write, …) through the fault path and allocators.",
    discussion: """
      Example: kmemreplay scenario SampleTraces/scenarios/copy-on-write.scenario

      A scenario has a statement a line: a machine, files and processes, what they map and touch, and assertions about \
      what the kernel makes of it. The documentation of Analysis describes the language. An assertion that doesn't hold \
      ends with exit code 1.
      """)

  @Argument(help: "The scenario: a path, or - for standard input.")
  var scenario: String

  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws { try output.require([.text, .json, .markdown], command: "scenario") }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let bytes = try TextFile.read(scenario, upTo: Scenario.sizeLimit)
    let destination = try output.openDestination(environment, input: scenario)
    let runner = try Self.runner(bytes, scenario)
    let outcome: ScenarioOutcome
    do throws(ScenarioError) {
      outcome = try runner.run()
    } catch {
      throw Self.failure(scenario, error)
    }
    let report = ScenarioReport(name: scenario, bytes: bytes.count, outcome: outcome)
    try destination.write(report, as: output.format)
    return outcome.failures > 0 ? .thresholdExceeded : .done
  }

  /// Reads a scenario; `path` is for messages.
  static func runner(_ bytes: [UInt8], _ path: String) throws -> ScenarioRunner {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CommandFailure("\(SafeText.printable(path)): is no text; a scenario is UTF-8")
    }
    do throws(ScenarioError) {
      return ScenarioRunner(try Scenario(parsing: text))
    } catch {
      throw failure(path, error)
    }
  }

  static func failure(_ path: String, _ error: ScenarioError) -> CommandFailure {
    CommandFailure("\(SafeText.printable(path)):\(error.line):\(error.column): \(SafeText.printable(error.message))")
  }
}
