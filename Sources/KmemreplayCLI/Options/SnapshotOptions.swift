import ArgumentParser
import ProcSnapshots
import TraceEvents

/// Who says which page frames are handed out.
enum PageChoice: String, CaseIterable, ExpressibleByArgument {
  /// The trace.
  case traced
  /// The model, which is graded against the trace.
  case model
}

/// The snapshots around a trace, and what is done with its page events.
struct SnapshotOptions: ParsableArguments {
  @OptionGroup var pair: SnapshotPairOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Who chooses page frames: the trace, or the model, which is then graded against it.",
      discussion: """
        The model needs to know which pages were free: from --before with kpageflags, or with a dump of the free lists \
        in their order (kmfree). A trace that begins when the kernel starts needs none: the memory map tells what was \
        handed over, from --memory-map, from dmesg or iomem in --after, or from the trace's own events.
        """))
  var pages: PageChoice = .traced

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Where memory is, for a trace that begins at boot: the kernel's messages (dmesg) or /proc/iomem.",
      valueName: "file"))
  var memoryMap: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "When --before was taken, if not at the beginning: written as for --from. For what it says about lists.",
      valueName: "when"))
  var beforeAt: TimeWindow.Bound?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "When --after was taken, if not at the end: written as for --from. For --pages model.", valueName: "when"))
  var afterAt: TimeWindow.Bound?

  func validate() throws {
    if beforeAt != nil, pair.before == nil {
      throw ValidationError("--before-at is the time of --before; give --before.")
    }
    if pages == .traced, afterAt != nil { throw ValidationError("--after-at is for --pages model.") }
    if memoryMap != nil, pages == .traced { throw ValidationError("--memory-map is for --pages model.") }
    if memoryMap != nil, pair.before != nil {
      throw ValidationError("--before and --memory-map both say what was free at the start; give one of them.")
    }
  }

  /// The snapshot from before that tells of memory; `nil` if there is none. Throws `CommandFailure`.
  func readBefore() throws -> Snapshot? { try pair.readBefore().ofMemory }

  /// The snapshot from after that tells of memory; `nil` if there is none. Throws `CommandFailure`.
  func readAfter() throws -> Snapshot? { try pair.readAfter().ofMemory }
}
