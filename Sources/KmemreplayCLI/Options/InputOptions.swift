import Analysis
import ArgumentParser
import KernelTypes
import ProcSnapshots
import TraceEvents

/// The arguments of every command that reads a trace.
struct InputOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The trace: a file, a capture (directory or .tar.zst of Tools/capture), or - for standard input.",
      discussion: "Format and compression are found from the first bytes."))
  var trace: String

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Count from here on: SECONDS of the trace's clock, +SECONDS after the first event, or mark:TEXT.",
      discussion: "What comes before still builds up state. mark:TEXT is the first trace marker that contains TEXT.",
      valueName: "when"))
  var from: TimeWindow.Bound?

  @Option(name: .long, help: ArgumentHelp("Count up to here, written as for --from.", valueName: "when"))
  var to: TimeWindow.Bound?

  @Option(
    name: .long,
    help: ArgumentHelp("The kernel's version, such as 6.1, if the trace does not tell.", valueName: "version"))
  var kernel: KernelVersion?

  @Option(name: .long, help: "The architecture, if the trace does not tell.")
  var arch: Architecture?

  @Option(name: .long, help: ArgumentHelp("The size of a page (default: 4096).", valueName: "bytes"))
  var pageSize: UInt64?

  @Option(name: .long, help: ArgumentHelp("The number of CPUs, if the trace does not tell.", valueName: "n"))
  var cpus: Int?

  @Option(
    name: .long, help: ArgumentHelp("A kallsyms or System.map that names raw call sites.", valueName: "file"))
  var symbols: String?

  @OptionGroup var sysctl: SysctlOptions

  @Flag(name: .long, help: "Show no progress.")
  var quiet = false

  @Flag(name: .long, help: "Exit with 2 if data was lost or malformed; the report is still written.")
  var strict = false

  func validate() throws {
    if let pageSize, pageSize < 512 || pageSize.nonzeroBitCount != 1 || pageSize > 1 << 24 {
      throw ValidationError("--page-size \(pageSize) is no page size; expected a power of two such as 4096 or 65536.")
    }
    if let cpus, !(1...8192).contains(cpus) {
      throw ValidationError("--cpus \(cpus) is no number of CPUs; expected 1 to 8192.")
    }
  }

  /// The window that `--from` and `--to` cut.
  var window: TimeWindow { TimeWindow(from: from, to: to) }

  /// The same on the kernel that a snapshot of the machine names, unless the user named one: text traces only tell a range
  /// of versions.
  func onKernel(of snapshot: Snapshot?) -> InputOptions {
    guard kernel == nil, let version = snapshot?.version?.kernel else { return self }
    var options = self
    options.kernel = version
    return options
  }

  /// What the user said about the machine.
  var overrides: MachineProfile.Overrides {
    .init(kernel: kernel, architecture: arch, pageSize: pageSize, cpuCount: cpus, settings: sysctl.sysctl)
  }
}
