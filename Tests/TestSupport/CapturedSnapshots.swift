import FoundationEssentials

/// Snapshots of real machines: a small one in the package, and large ones beside it where there are any.
public enum CapturedSnapshots {
  private static let package = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

  /// The snapshot that comes with the package.
  public static let sample = package + "/SampleTraces/6.1-slub-smp1-boot/snapshot.tar.zst"

  /// The archives of the captures in ../shared/captures; empty where the package stands alone.
  public static let archives: [String] = {
    let folder = package.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/shared/captures"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().map { folder + "/" + $0 + "/snaps.tar.zst" }
      .filter { FileManager.default.fileExists(atPath: $0) }
  }()

  /// Makes an empty directory for a test, with files in it; the caller removes it.
  public static func directory(_ files: [String: String]) throws -> String {
    let path = FileManager.default.temporaryDirectory.path + "/kmemreplay-" + UUID().uuidString
    for (name, text) in files {
      let file = path + "/" + name
      let folder = file.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try text.write(toFile: file, atomically: false, encoding: .utf8)
    }
    return path
  }

  public static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}
