import ArgumentParser
import ProcSnapshots
import Reports

/// The snapshots from before and after a trace.
struct SnapshotPairOptions: ParsableArguments {
  @Option(
    name: .long, help: ArgumentHelp("A snapshot from when the trace began (directory, tar, tar.zst).", valueName: "dir")
  )
  var before: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Which of several snapshots --before means; several that belong together with commas between.",
      valueName: "labels"))
  var beforeLabel: String?

  @Option(name: .long, help: ArgumentHelp("A snapshot from when the trace ended.", valueName: "dir"))
  var after: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --after means.", valueName: "labels"))
  var afterLabel: String?

  func validate() throws {
    if beforeLabel != nil, before == nil { throw ValidationError("--before-label chooses in --before; give --before.") }
    if afterLabel != nil, after == nil { throw ValidationError("--after-label chooses in --after; give --after.") }
  }

  /// The snapshots from before; none if there are no such options. Throws `CommandFailure`.
  func readBefore() throws -> [Snapshot] { try before.map { try Self.read($0, labels: beforeLabel) } ?? [] }

  /// The snapshots from after; none if there are no such options. Throws `CommandFailure`.
  func readAfter() throws -> [Snapshot] { try after.map { try Self.read($0, labels: afterLabel) } ?? [] }

  private static func read(_ path: String, labels: String?) throws -> [Snapshot] {
    guard let labels else { return [try read(path, nil)] }
    return try labels.split(separator: ",").map { try read(path, String($0)) }
  }

  /// Reads one of the snapshots at a path. Throws `CommandFailure`.
  static func read(_ path: String, _ label: String?) throws -> Snapshot {
    do throws(SnapshotError) {
      return try SnapshotReader.read(path: path, label: label)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
  }
}

extension [Snapshot] {
  /// The one that tells which pages were free, or else the first.
  var ofMemory: Snapshot? { first { $0.pageFlags != nil } ?? first { $0.buddyInfo != nil } ?? first }
}
