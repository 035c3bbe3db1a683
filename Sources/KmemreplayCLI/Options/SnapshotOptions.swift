import ArgumentParser
import ProcSnapshots
import Reports

/// Snapshots of the machine from around a trace.
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

  func validate() throws {
    if beforeLabel != nil, before == nil { throw ValidationError("--before-label chooses in --before; give --before.") }
    if afterLabel != nil, after == nil { throw ValidationError("--after-label chooses in --after; give --after.") }
  }

  /// Reads the snapshots that were given. Throws `CommandFailure`.
  func read() throws -> (before: Snapshot?, after: Snapshot?) {
    (try before.map { try Self.read($0, beforeLabel) }, try after.map { try Self.read($0, afterLabel) })
  }

  private static func read(_ path: String, _ label: String?) throws -> Snapshot {
    do throws(SnapshotError) {
      return try SnapshotReader.read(path: path, label: label)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
  }
}
