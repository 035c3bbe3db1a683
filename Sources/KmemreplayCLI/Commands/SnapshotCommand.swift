import Analysis
import ArgumentParser
import KernelTypes
import ProcSnapshots
import Reports

/// `snapshot`: what a machine had, by the files it kept.
struct SnapshotCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "What a machine had: its /proc and sysfs files, cross-checked and explained.",
    discussion: """
      Example: kmemreplay snapshot before.tar.zst --diff after.tar.zst
               kmemreplay snapshot /proc --press 2G --sysctl vm.min_free_kbytes=65536
               kmemreplay snapshot after.tar.zst --hugepages 64 --poison 0x1a2b --low-memory-killer standard

      The snapshot is a directory (such as /proc itself), a .tar or .tar.zst of one, or a single file. Files are found by \
      their names: buddyinfo, pagetypeinfo, zoneinfo, meminfo, slabinfo, vmstat, vmallocinfo, iomem, swaps, kpageflags, \
      extfrag_index, sys_vm.txt (grep -r . /proc/sys/vm), sys_kernel_slab.txt and others; any of them is enough.

      With --sysctl, the limits that follow from settings (watermarks, reserves, CommitLimit, dirty thresholds, list \
      lengths) are computed as they are and as they would be. With --press, a model of the machine says when kswapd wakes, \
      what is reclaimed, swapped and killed while one more process takes memory; --low-memory-killer adds Android's. \
      --hugepages sizes the pool of huge pages, --poison lets the memory of page frames fail.
      """)

  @Argument(help: "A directory, a .tar or .tar.zst of one, or kernel files.")
  var snapshot: [String]

  @OptionGroup(title: "Output") var output: OutputOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Which of several snapshots: a directory's name (after), a label (t0 of t0.buddyinfo), or both (mini/t0).",
      valueName: "label"))
  var label: String?

  @Option(name: .long, help: ArgumentHelp("Show what changed from the snapshot to this one.", valueName: "snapshot"))
  var diff: String?

  @Option(
    name: .long, help: ArgumentHelp("The label in --diff's snapshot (default: that of --label).", valueName: "label"))
  var diffLabel: String?

  @OptionGroup var sysctl: SysctlOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Say what happens when one more process takes this much memory, such as 64M (modelled).", valueName: "size"))
  var press: ByteSize?

  @OptionGroup var questions: MachineQuestionOptions

  @Flag(name: .long, help: "Exit with 2 if a file was damaged or unusable; the report is still written.")
  var strict = false

  func validate() throws {
    if snapshot.contains("-") {
      throw ValidationError("A snapshot's files are told by their names; standard input has none.")
    }
    try output.require([.text, .json, .markdown], command: "snapshot")
    if diff != nil, asksWhatIf {
      throw ValidationError(
        "--diff compares two snapshots; --sysctl, --press, --low-memory-killer, --hugepages and --poison ask about one. "
          + "Give one of them.")
    }
    if let press, press.bytes == 0 || press.bytes > 1 << 48 {
      throw ValidationError("--press takes an amount of memory, such as 64M.")
    }
    if diffLabel != nil, diff == nil {
      throw ValidationError("--diff-label chooses in --diff's snapshot; give --diff.")
    }
  }

  private var asksWhatIf: Bool { !sysctl.sysctl.isEmpty || press != nil || !questions.isEmpty }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: snapshot.first ?? "")
    let first = try Self.read(snapshot, label: label)
    if let diff {
      let second = try Self.read([diff], label: diffLabel ?? label)
      let report = SnapshotDifferenceReport(before: first, after: second, top: output.top)
      try destination.write(report, as: output.format)
      return Self.status([first, second], strict: strict, environment)
    }
    if asksWhatIf {
      try destination.write(SettingsWhatIfReport(findings: first, whatIf: whatIf(first)), as: output.format)
      return Self.status([first], strict: strict, environment)
    }
    let report = SnapshotReport(findings: first, top: output.top)
    try destination.write(report, as: output.format)
    return Self.status([first], strict: strict, environment)
  }

  private func whatIf(_ findings: SnapshotFindings) throws -> SettingsWhatIf {
    do {
      var whatIf = try SettingsWhatIf(findings, assignments: sysctl.sysctl)
      if let press, !whatIf.forecast(bytes: press.bytes, killer: questions.lowMemoryKiller?.killer) {
        throw CommandFailure("--press " + Self.machineNeeds)
      }
      try ask(&whatIf)
      return whatIf
    } catch let error as SettingError {
      throw CommandFailure("--sysctl: \(error)")
    }
  }

  private static let machineNeeds =
    "needs zoneinfo, buddyinfo and meminfo of one snapshot, of a machine of at most 64 GiB a zone"

  private func ask(_ whatIf: inout SettingsWhatIf) throws {
    if let levels = questions.lowMemoryKiller, !whatIf.ask(levels.killer) {
      throw CommandFailure("--low-memory-killer needs meminfo and zoneinfo of one snapshot")
    }
    for frame in questions.poison where !whatIf.ask(failing: frame.frame) {
      throw CommandFailure(
        "--poison 0x\(String(frame.frame, radix: 16)): needs kpageflags of the snapshot, up to that frame")
    }
    guard let pool = questions.hugepages else { return }
    do throws(HugePageForecast.Refusal) {
      try whatIf.ask(hugePages: pool.pages, bytes: pool.bytes)
    } catch {
      switch error {
      case .noMachine: throw CommandFailure("--hugepages " + Self.machineNeeds)
      case .size: throw CommandFailure("--hugepages: a huge page has a power of two of pages, such as 2M")
      case .gigantic(let limit):
        throw CommandFailure(
          "--hugepages: pages beyond \(limit >> 20) MiB can't be had from a running machine; they are set aside at boot "
            + "(hugepagesz= hugepages=)")
      }
    }
  }

  /// Reads a snapshot and checks it. Throws `CommandFailure`.
  static func read(_ paths: [String], label: String?) throws -> SnapshotFindings {
    do throws(SnapshotError) {
      let snapshot = try SnapshotReader.read(paths: paths, label: label)
      if snapshot.present.isEmpty, let first = snapshot.unusable.first { throw first.error }
      return SnapshotFindings(snapshot)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
  }

  /// How a run ended: with `strict`, damaged files are a failure.
  static func status(
    _ all: [SnapshotFindings], strict: Bool, _ environment: CommandEnvironment
  ) -> ExitStatus {
    let hasLoss = all.contains { findings in
      !findings.snapshot.unusable.isEmpty || findings.snapshot.archiveError != nil
        || findings.snapshot.present.values.contains { !$0.isNone }
    }
    guard strict, hasLoss else { return .done }
    try? environment.errors.write(
      "kmemreplay: \(all.map(\.snapshot.name).joined(separator: ", ")): files were damaged or unusable (--strict); the report says which\n"
    )
    return .failed
  }
}
