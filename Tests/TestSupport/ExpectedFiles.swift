import FoundationEssentials

/// Files that say what a result should look like; RECORD_SNAPSHOTS=1 in the environment writes them anew.
public enum ExpectedFiles {
  /// What the file at `path` expects instead of `text`.
  public static func text(at path: String, insteadOf text: String) throws -> String {
    if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] != nil {
      let directory = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
    return try String(contentsOfFile: path, encoding: .utf8)
  }

  /// The file `name` in the folder Snapshots beside the test at `testFile`.
  public static func snapshot(
    _ name: String, insteadOf text: String, testFile: String = #filePath
  ) throws -> String {
    let folder = testFile.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    return try self.text(at: folder + "/Snapshots/" + name, insteadOf: text)
  }
}

/// The real captures in the folder SampleTraces.
public enum SampleTraces {
  private static let folder =
    #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/SampleTraces/"

  /// The path of a capture's text, such as that of `6.1-slub-smp1-boot`.
  public static func path(_ name: String) -> String { folder + name + "/trace.txt.zst" }

  /// The path of any file there.
  public static func file(_ name: String) -> String { folder + name }

  /// The path of an expected result.
  public static func expected(_ name: String) -> String { folder + "expected/" + name }
}
