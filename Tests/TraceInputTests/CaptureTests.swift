import Glibc
import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Captures beside the package")
struct CaptureTests {
  @Test("have as many events of each kind as were counted without this tool")
  func counts() throws {
    let names = CaptureFolder.traces()
    for name in names {
      guard let expected = try CaptureFolder.eventCounts(of: name) else { continue }
      let source = try CaptureFolder.open(name)
      // Debug builds read 0.1 GB/s at best.
      guard let size = source.summary.byteSize, size < 200_000 else { continue }
      var batch = EventBatch()
      while try source.read(into: &batch) {}
      let statistics = source.statistics
      var counts = EventKind.allCases.compactMap { kind -> String? in
        let count = statistics.eventsByKind[Int(kind.rawValue)]
        return count > 0 ? "\(kind.name) \(count)" : nil
      }
      counts += statistics.otherEvents.map { "\(source.strings.string($0.key)) \($0.value)" }
      #expect(counts.sorted() == expected, "\(name)")
      #expect(statistics[.malformedLines] == 0)
      #expect(statistics[.orphanStacks] == 0)
      #expect(statistics[.outOfOrder] == 0)
    }
    if names.isEmpty { print("no captures beside the package: skipped") }
  }
}

/// The captures that may lie beside the package: real traces, too large to ship.
enum CaptureFolder {
  private static let folder = #filePath.ancestor(3) + "/../shared/captures"

  static func traces() -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      let path = "\(folder)/\(name)/trace.txt.zst"
      if access(path, R_OK) == 0 { names.append("\(name)/trace.txt.zst") }
    }
    return names.sorted()
  }

  /// The lines of `event_counts.txt` beside a capture, which were counted without this tool.
  static func eventCounts(of name: String) throws -> [String]? {
    let path = "\(folder)/\(name.split(separator: "/")[0])/event_counts.txt"
    guard access(path, R_OK) == 0 else { return nil }
    let bytes = try PeekedBytes(FileBytes(path: path), count: 1 << 16).head
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init).sorted()
  }

  static func open(_ name: String) throws(TraceError) -> any TraceSource {
    try TraceInput.open(path: "\(folder)/\(name)")
  }

  static func beginning(of name: String, count: Int) throws -> [UInt8] {
    let path = "\(folder)/\(name)"
    let source = try ZstdBytes(FileBytes(path: path), name: name)
    return try PeekedBytes(source, count: count).head
  }
}

extension String {
  fileprivate func ancestor(_ levels: Int) -> String {
    var parts = split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(min(levels, parts.count))
    return parts.joined(separator: "/")
  }
}
