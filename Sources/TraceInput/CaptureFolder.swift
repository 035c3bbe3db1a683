import Glibc
public import TraceEvents

/// A trace with what belongs to it: a directory or a tar archive as `Tools/capture` leaves it, or one laid out alike.
///
/// In it, or in a directory `trace` in it, is the trace under one of a few names; beside it may be `before` and `after`
/// with the kernel's files, and `kallsyms` or `System.map` with symbols.
public enum CaptureFolder {
  private static let traceNames = [
    "trace.kmr", "trace.dat", "perf.data", "trace.perfetto-trace", "trace.perfetto", "trace.pftrace", "trace.txt",
    "trace",
  ]
  private static let symbolNames = ["kallsyms", "System.map"]
  private static let packings = ["", ".zst", ".gz"]

  /// Whether a path inside a capture names its trace.
  static func isTrace(_ path: String) -> Bool { isNamed(path, traceNames, deepest: 2) }

  /// Whether a path inside a capture names its symbols.
  static func isSymbols(_ path: String) -> Bool { isNamed(path, symbolNames, deepest: 1) }

  // Archives may hold "./trace.txt", "trace/trace.txt" or "capture-20260101/trace.txt".
  private static func isNamed(_ path: String, _ names: [String], deepest: Int) -> Bool {
    let parts = path.split(separator: "/").filter { $0 != "." }
    guard let file = parts.last, parts.count <= deepest + 1 else { return false }
    return names.contains { name in packings.contains { file == name + $0 } }
  }

  /// The path of the trace in a directory; `nil` if there is none.
  public static func trace(in directory: String) -> String? {
    for folder in [directory, directory + "/trace"] {
      if let file = file(in: folder, traceNames) { return file }
    }
    return nil
  }

  /// Whether a directory has a file of raw pages for the first CPU, as `Tools/capture -r` leaves them.
  public static func hasRawPages(in directory: String) -> Bool { file(in: directory, ["raw.cpu0"]) != nil }

  /// The path of the symbols in a directory; `nil` if there are none.
  public static func symbols(in directory: String) -> String? { file(in: directory, symbolNames) }

  private static func file(in folder: String, _ names: [String]) -> String? {
    for name in names {
      for packing in packings {
        let path = folder + "/" + name + packing
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { return path }
      }
    }
    return nil
  }

  /// Whether the file at a path is a tar archive, packed or not.
  public static func isArchive(_ path: String) -> Bool {
    guard let bytes = try? FileBytes(path: path), let unpacked = try? TraceInput.unpack(bytes, name: path) else {
      return false
    }
    return unpacked.content == .tar
  }

  /// Whether a tar archive has a trace in it, under one of a trace's names or as raw pages; false for anything else.
  public static func hasTrace(inArchive path: String) -> Bool {
    guard let bytes = try? FileBytes(path: path), let unpacked = try? TraceInput.unpack(bytes, name: path),
      unpacked.content == .tar
    else { return false }
    let found = try? TarMember.find(in: unpacked.bytes, input: path) { name in
      let file = name.split(separator: "/").last.map(String.init) ?? ""
      return isTrace(name) || file.hasPrefix("raw.cpu") || file.hasPrefix("trace_pipe_raw")
    }
    return found != nil
  }

  /// Hands out the symbols of a capture's archive piece by piece; `false` if it has none. Throws what reading it throws.
  public static func readSymbols(
    inArchive path: String, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(TraceError) -> Bool {
    let unpacked = try TraceInput.unpack(FileBytes(path: path), name: path)
    guard unpacked.content == .tar, let member = try TarMember.find(in: unpacked.bytes, input: path, where: isSymbols)
    else { return false }
    let content = try TraceInput.unpack(member, name: path).bytes
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      let count = try content.read(into: buffer)
      if count == 0 { return true }
      body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }
}
