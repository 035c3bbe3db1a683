import ArgumentParser
import Reports

/// `manual`: the tool's page for man(1).
struct ManualCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual",
    abstract: "The manual page, in the format of man(1).",
    discussion: """
      Example: kmemreplay manual > /usr/local/share/man/man1/kmemreplay.1
      """)

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let description = try JSONValue(parsing: KmemreplayCommand._dumpHelp())
    try environment.output.write(ManualPage(description).text())
    return .done
  }
}
