import Glibc

/// Finds a snapshot in a directory, a tar archive (`.tar`, `.tar.zst`), or a single file.
public enum SnapshotReader {
  /// Bytes of one file that are read at most.
  static let fileLimit = 1 << 31

  /// A file of some snapshot: where it lies, and the label in front of its name.
  struct Candidate {
    var directory: String
    var label: String?
    var kind: SnapshotFileKind
    var content: FileContent

    /// What names this file's snapshot among several: `after`, `mini/t0`, or nothing.
    var group: String { [directory, label ?? ""].filter { !$0.isEmpty }.joined(separator: "/") }
  }

  /// Whether there is a directory at `path`, which can only be a snapshot.
  public static func isDirectory(_ path: String) -> Bool { FileSystem.isDirectory(path) }

  /// Whether there is a directory or a tar archive at `path`, which can only be a snapshot.
  public static func isSnapshot(_ path: String) -> Bool {
    if isDirectory(path) { return true }
    // A pipe's bytes can be read only once, and they are not ours.
    guard FileSystem.isRegularFile(path) else { return false }
    return (try? ArchiveBytes(path: path))?.isArchive ?? false
  }

  /// Reads the snapshot at `path`.
  ///
  /// Where there are several (in the directories `before` and `after`, or as `t0.buddyinfo`, `t1.buddyinfo`), `label`
  /// chooses: a directory, a label, or both, as in `mini/t0`.
  public static func read(path: String, label: String? = nil) throws(SnapshotError) -> Snapshot {
    try read(paths: [path], label: label)
  }

  /// Reads one snapshot out of several files or directories; of two files of a kind, the first counts.
  public static func read(paths: [String], label: String? = nil) throws(SnapshotError) -> Snapshot {
    var candidates: [Candidate] = []
    var damage: SnapshotError?
    for path in paths {
      candidates += FileSystem.isDirectory(path) ? try directoryCandidates(path) : try fileCandidates(path, &damage)
    }
    let name = paths.first ?? ""
    // Files before the damage can be used; without any, the damage is all there is to say.
    if candidates.isEmpty, let damage { throw damage }
    var snapshot = try choose(
      candidates, path: paths.count > 1 ? "\(name) and \(paths.count - 1) more" : name, label: label)
    snapshot.archiveError = damage
    return snapshot
  }

  /// Reads the sections of a kernel's image from a `System.map`, or from the output of `readelf -S`.
  public static func kernelImage(path: String) throws(SnapshotError) -> KernelImageFile {
    try KernelImageFile(parsing: content(of: path))
  }

  /// The bytes of a file whose name says nothing of its kind.
  public static func content(of path: String) throws(SnapshotError) -> FileContent {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return FileContent(name: name, bytes: try FileSystem.contents(of: path, limit: 1 << 28))
  }

  /// Picks the files of one snapshot.
  static func choose(_ candidates: [Candidate], path: String, label: String?) throws(SnapshotError) -> Snapshot {
    if candidates.isEmpty {
      throw SnapshotError(
        .nothingFound, file: path, found: "no file of a snapshot",
        expected: "files named as the kernel names them, such as buddyinfo, zoneinfo, meminfo",
        remedy: "Copy them from /proc with `cat`.")
    }
    var groups: [String] = []
    // The kernel's messages beside several snapshots belong to all of them.
    let machineFiles = candidates.filter { $0.kind != .bootLog }
    for candidate in machineFiles.isEmpty ? candidates : machineFiles where !groups.contains(candidate.group) {
      groups.append(candidate.group)
    }
    groups.sort()
    let chosen: String
    if let label {
      let matches = groups.filter { $0 == label || $0.split(separator: "/").last.map(String.init) == label }
      guard matches.count == 1, let match = matches.first else {
        throw SnapshotError(
          matches.isEmpty ? .nothingFound : .ambiguous, file: path,
          found: (matches.isEmpty ? "no snapshot" : "several snapshots") + " labelled `\(label)`",
          expected: "one of " + list(groups))
      }
      chosen = match
    } else if groups.count == 1 || groups.contains("") {
      chosen = groups[0]
    } else {
      throw SnapshotError(
        .ambiguous, file: path, found: "\(groups.count) snapshots", expected: "one",
        remedy: "Choose with --label: " + list(groups))
    }
    var files: [SnapshotFileKind: FileContent] = [:]
    for candidate in candidates where candidate.group == chosen && files[candidate.kind] == nil {
      files[candidate.kind] = candidate.content
    }
    if files[.bootLog] == nil {
      files[.bootLog] = candidates.first { $0.kind == .bootLog && $0.group.isEmpty }?.content
    }
    return Snapshot(name: chosen.isEmpty ? path : path + " (" + chosen + ")", files: files)
  }

  private static func list(_ groups: [String]) -> String {
    groups.map { "`" + ($0.isEmpty ? "." : $0) + "`" }.joined(separator: ", ")
  }

  /// A directory's own files; if it has none but the messages, those of the directories in it as well.
  private static func directoryCandidates(_ path: String) throws(SnapshotError) -> [Candidate] {
    let names = try FileSystem.entries(of: path)
    var own: [Candidate] = []
    for name in names {
      if let candidate = try candidate(path + "/" + name, directory: "", name: name) { own.append(candidate) }
    }
    if own.contains(where: { $0.kind != .bootLog }) { return own }
    for name in names where FileSystem.isDirectory(path + "/" + name) {
      for inner in try FileSystem.entries(of: path + "/" + name) {
        let file = path + "/" + name + "/" + inner
        if let candidate = try candidate(file, directory: name, name: inner) { own.append(candidate) }
      }
    }
    return own
  }

  private static func candidate(
    _ path: String, directory: String, name: String
  ) throws(SnapshotError) -> Candidate? {
    guard let (kind, label) = SnapshotFileKind.recognise(name), !FileSystem.isDirectory(path) else { return nil }
    let bytes = try FileSystem.contents(of: path, limit: fileLimit)
    return Candidate(
      directory: directory, label: label, kind: kind, content: FileContent(name: shown(directory, name), bytes: bytes))
  }

  private static func shown(_ directory: String, _ name: String) -> String {
    directory.isEmpty ? name : directory + "/" + name
  }

  /// A tar archive, or a single kernel file.
  private static func fileCandidates(
    _ path: String, _ damage: inout SnapshotError?
  ) throws(SnapshotError) -> [Candidate] {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let stream = try ArchiveBytes(path: path)
    if stream.isArchive {
      var candidates: [Candidate] = []
      do throws(SnapshotError) {
        var tar = TarReader(stream, name: path)
        while let entry = try tar.next({ SnapshotFileKind.recognise(fileName($0)) != nil }) {
          guard let (kind, label) = SnapshotFileKind.recognise(fileName(entry.name)) else { continue }
          let directory = entry.name.split(separator: "/").filter { $0 != "." }.dropLast().joined(separator: "/")
          let content = FileContent(name: entry.name, bytes: entry.bytes)
          candidates.append(Candidate(directory: directory, label: label, kind: kind, content: content))
        }
      } catch {
        damage = error
      }
      return candidates
    }
    guard let (kind, label) = SnapshotFileKind.recognise(name) else {
      throw SnapshotError(
        .wrongKind, file: path, found: "neither a directory, nor a tar archive, nor a kernel file by its name",
        expected: "a directory of files such as buddyinfo, zoneinfo, meminfo, or a .tar or .tar.zst of it")
    }
    let bytes = try FileSystem.contents(of: path, limit: fileLimit)
    return [Candidate(directory: "", label: label, kind: kind, content: FileContent(name: name, bytes: bytes))]
  }

  private static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
