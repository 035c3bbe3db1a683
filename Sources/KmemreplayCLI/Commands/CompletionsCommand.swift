import ArgumentParser

/// `completions`: a shell's completion script.
struct CompletionsCommand: ToolCommand {
  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash, zsh, fish

    var argument: CompletionShell {
      switch self {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "completions",
    abstract: "The completion script of a shell: bash, zsh or fish.",
    discussion: """
      Example: kmemreplay completions bash > /etc/bash_completion.d/kmemreplay
      Example: kmemreplay completions zsh > "${fpath[1]}/_kmemreplay"
      Example: kmemreplay completions fish > ~/.config/fish/completions/kmemreplay.fish
      """)

  @Argument(help: "The shell: \(Shell.allCases.map(\.rawValue).joined(separator: ", ")).")
  var shell: Shell

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    try environment.output.write(KmemreplayCommand.completionScript(for: shell.argument) + "\n")
    return .done
  }
}
