import Foundation
import Testing

@Suite("Inputs that broke a parser, or were made to")
struct FailCaseTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Tools/Fuzz/FailCases").standardized

  private static let names =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { !$0.hasPrefix(".") }.sorted()

  @Test("each parser of the fuzzer has some")
  func all() {
    for target in FuzzTarget.allCases {
      #expect(Self.names.contains { $0.hasPrefix(target.rawValue + "-") }, "no case for \(target)")
    }
  }

  @Test("are read to their end", arguments: names)
  func read(name: String) throws {
    let target = try #require(FuzzTarget.allCases.first { name.hasPrefix($0.rawValue + "-") }, "no target has its name")
    let bytes = try Data(contentsOf: Self.folder.appending(path: name))
    let clock = ContinuousClock()
    let time = clock.measure { target.run(Array(bytes)) }
    // A few kilobytes; what takes so long does not end.
    #expect(time < .seconds(20))
  }
}
