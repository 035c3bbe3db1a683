/// Which directory of the source tree each function of a built kernel comes from, as binutils tell.
///
/// Three kinds of text are understood, line by line and mixed: `nm -l vmlinux` (a source file behind each symbol),
/// `nm -A` over object files (the object file in front), and `readelf -sW` over object files (a `File:` line in front of each).
/// A function whose name is in several directories has none: its name doesn't tell.
public struct SourceMap: Sendable {
  private let directories: [String: String]
  /// Lines that say nothing about a function.
  public let otherLines: Int

  /// The number of functions.
  public var count: Int { directories.count }

  init(directories: [String: String], otherLines: Int) {
    self.directories = directories
    self.otherLines = otherLines
  }

  /// The directory of a function, such as `fs/ext4`.
  public func directory(of function: some StringProtocol) -> String? { directories[String(function)] }
}

/// Reads the text of a source map line by line.
public struct SourceMapReader {
  private static let tops: Set<Substring> = [
    "arch", "block", "certs", "crypto", "drivers", "fs", "init", "io_uring", "ipc", "kernel", "lib", "mm", "net",
    "rust",
    "samples", "security", "sound", "virt",
  ]

  private var directories: [String: String] = [:]
  private var ambiguous: Set<String> = []
  private var otherLines = 0
  private var fileOfReadelf: String?
  private var rest: [UInt8] = []

  public init() {}

  /// Takes in the next bytes of the text.
  public mutating func read(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      if byte == 0x0A {
        line()
      } else {
        rest.append(byte)
      }
    }
  }

  /// What was read.
  public consuming func finish() -> SourceMap {
    if !rest.isEmpty { line() }
    return SourceMap(directories: directories.filter { !ambiguous.contains($0.key) }, otherLines: otherLines)
  }

  private mutating func line() {
    let text = String(decoding: rest, as: UTF8.self)
    rest.removeAll(keepingCapacity: true)
    let fields = text.split { $0 == " " || $0 == "\t" || $0 == "\r" }
    if fields.isEmpty { return }
    if fields[0] == "File:", fields.count > 1 {
      fileOfReadelf = Self.directory(of: fields[1])
      return
    }
    if let (function, directory) = fromNm(fields) ?? fromReadelf(fields) {
      note(String(function), directory)
    } else {
      otherLines += 1
    }
  }

  private mutating func note(_ function: String, _ directory: String) {
    if let known = directories[function], known != directory { ambiguous.insert(function) }
    directories[function] = directory
  }

  /// `ffffffff81000000 T name /src/fs/ext4/inode.c:12`, or `fs/ext4/inode.o:0000000000000000 T name`.
  private func fromNm(_ fields: [Substring]) -> (Substring, String)? {
    guard fields.count >= 3, fields[1].count == 1, "tTwW".contains(fields[1]) else { return nil }
    if let colon = fields[0].lastIndex(of: ":") {
      return Self.directory(of: fields[0][..<colon]).map { (fields[2], $0) }
    }
    guard fields.count > 3 else { return nil }
    return Self.directory(of: fields[3]).map { (fields[2], $0) }
  }

  /// `12: 0000000000000000 34 FUNC GLOBAL DEFAULT 1 name`.
  private func fromReadelf(_ fields: [Substring]) -> (Substring, String)? {
    guard let fileOfReadelf, fields.count >= 8, fields[0].hasSuffix(":"), fields[3] == "FUNC", fields[6] != "UND" else {
      return nil
    }
    return (fields[7], fileOfReadelf)
  }

  /// The directory of a file from the top of the kernel's tree on: `/build/linux-6.1/fs/ext4/inode.c:12` is in `fs/ext4`.
  private static func directory(of file: Substring) -> String? {
    // "built-in.a(inode.o)" is in the archive's own directory.
    var path = file.prefix { $0 != "(" }.split(separator: "/").filter { $0 != "." }
    // Trees often lie in a directory named after the kernel, and directories above it may be called as those in it.
    if let root = path.dropLast().lastIndex(where: { $0.hasPrefix("linux") }) { path.removeSubrange(...root) }
    guard path.count > 1, let top = path.dropLast().firstIndex(where: { tops.contains($0) }) else { return nil }
    return path[top..<(path.count - 1)].joined(separator: "/")
  }
}
