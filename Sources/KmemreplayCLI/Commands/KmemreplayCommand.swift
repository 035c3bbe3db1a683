import ArgumentParser
import Reports

/// The root of the command line. A new subcommand is registered here.
struct KmemreplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kmemreplay",
    abstract: "Reads ftrace kmem logs and replays them through models of the Linux allocators.",
    discussion: """
      Start with `kmemreplay info trace.txt`: what the file is, and what to ask it next.

      Exit codes: 0 done, 1 a threshold was exceeded, 2 it could not be done (or, with --strict, data was lost), \
      64 usage.
      """,
    version: "kmemreplay " + ToolVersion.current,
    subcommands: [
      InfoCommand.self, WasteCommand.self, ReplayCommand.self, CompareCommand.self, FragCommand.self,
      SnapshotCommand.self, FaultsCommand.self, ScenarioCommand.self, TranslateCommand.self, LayoutCommand.self,
      ReportCommand.self, DiffCommand.self, HistoryCommand.self, ConvertCommand.self, CompletionsCommand.self,
      ManualCommand.self,
      BenchReadCommand.self, BenchTranslateCommand.self, BenchFaultsCommand.self,
    ])
}
