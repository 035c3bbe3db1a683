import ArgumentParser
import ProcSnapshots
import Reports
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
  @Option(
    name: .long, help: ArgumentHelp("A snapshot from when the trace began (directory, tar, tar.zst).", valueName: "dir")
  )
  var before: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --before means.", valueName: "label"))
  var beforeLabel: String?

  @Option(name: .long, help: ArgumentHelp("A snapshot from when the trace ended.", valueName: "dir"))
  var after: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --after means.", valueName: "label"))
  var afterLabel: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Who chooses page frames: the trace, or the model, which is then graded against it.",
      discussion: """
        The model needs to know which pages were free: from --before with kpageflags, or with a dump of the free lists \
        in their order (kmfree).
        """))
  var pages: PageChoice = .traced

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
    if beforeLabel != nil, before == nil { throw ValidationError("--before-label chooses in --before; give --before.") }
    if afterLabel != nil, after == nil { throw ValidationError("--after-label chooses in --after; give --after.") }
    if beforeAt != nil, before == nil { throw ValidationError("--before-at is the time of --before; give --before.") }
    if pages == .traced, afterAt != nil { throw ValidationError("--after-at is for --pages model.") }
  }

  func readBefore() throws -> Snapshot? { try before.map { try Self.read($0, beforeLabel) } }

  func readAfter() throws -> Snapshot? { try after.map { try Self.read($0, afterLabel) } }

  /// Reads one of the snapshots at a path. Throws `CommandFailure`.
  static func read(_ path: String, _ label: String?) throws -> Snapshot {
    do throws(SnapshotError) {
      return try SnapshotReader.read(path: path, label: label)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
  }
}
