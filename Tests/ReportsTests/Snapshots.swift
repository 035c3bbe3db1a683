import FoundationEssentials
import Testing

/// Compares texts with the files under Snapshots; RECORD_SNAPSHOTS=1 in the environment writes them anew.
enum Snapshots {
  private static let directory = #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/Snapshots/"

  static func expect(_ text: String, equals name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let path = directory + name
    if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] != nil {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return
    }
    let expected = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text == expected, "differs from Snapshots/\(name)", sourceLocation: sourceLocation)
  }
}
