import Glibc
import TraceEvents

/// A file of a directory or an archive.
struct FolderEntry {
  /// The path within the directory or archive.
  var path: String
  var bytes: SeekableBytes
  /// Where the file's own bytes begin in `bytes`, and how many there are.
  var offset: UInt64 = 0
  var size: UInt64

  /// The path's parts.
  var parts: [Substring] { path.split(separator: "/") }

  /// The whole content, unless it is larger than `limit`: then nothing.
  func content(limit: Int) throws(TraceError) -> [UInt8] {
    size <= UInt64(limit) ? try bytes.bytes(at: offset, count: Int(size)) : []
  }
}

/// Lists the files of a directory.
enum DirectoryListing {
  // An instance's pages lie five levels deep in tracefs, which has some ten thousand files.
  private static let depthLimit = 5
  private static let fileLimit = 50_000
  private static let smallBytes: UInt64 = 1 << 16

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The regular files below a directory whose path `isWanted`, sorted by path. Throws `.cannotOpen`.
  static func entries(of root: String, _ isWanted: (String) -> Bool) throws(TraceError) -> [FolderEntry] {
    var paths: [String] = []
    try list(root, "", 0, &paths)
    var entries: [FolderEntry] = []
    for path in paths.sorted() where isWanted(path) {
      let file = try FileBytes(path: root + "/" + path)
      guard var bytes = file.seekable else { continue }
      // tracefs has thousands of small files, more than may be open at once.
      if bytes.count <= smallBytes {
        bytes = SeekableBytes(memory: try bytes.bytes(at: 0, count: Int(bytes.count)), name: path)
      }
      entries.append(FolderEntry(path: path, bytes: bytes, size: bytes.count))
    }
    return entries
  }

  private static func list(
    _ root: String, _ folder: String, _ depth: Int, _ paths: inout [String]
  ) throws(TraceError) {
    let path = folder.isEmpty ? root : root + "/" + folder
    guard let directory = opendir(path) else {
      if depth > 0 { return }
      throw TraceError(
        .cannotOpen, input: root, found: SystemMessage.text(errno), remedy: "Check the path and its permissions.")
    }
    defer { closedir(directory) }
    while let entry = readdir(directory), paths.count < fileLimit {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name == "." || name == ".." { continue }
      let child = folder.isEmpty ? name : folder + "/" + name
      var status = stat()
      // Links are not followed: they may lead in circles.
      guard lstat(root + "/" + child, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        if depth < depthLimit { try list(root, child, depth + 1, &paths) }
      } else if status.st_mode & S_IFMT == S_IFREG {
        paths.append(child)
      }
    }
  }
}
