/// Findings as SARIF 2.1.0, which GitHub code scanning and editors read: exceeded thresholds, and the call sites that
/// waste most with their source lines where those are known.
public struct SARIFReport: Sendable {
  public var outcomes: [ThresholdOutcome]
  /// The report's JSON document.
  public var document: JSONValue
  /// The most call sites listed.
  public var limit: Int

  public init(outcomes: [ThresholdOutcome], document: JSONValue, limit: Int = 20) {
    self.outcomes = outcomes
    self.document = document
    self.limit = limit
  }

  private struct Text: Encodable {
    var text: String
  }

  private struct Rule: Encodable {
    var id: String
    var name: String
    var shortDescription: Text
  }

  private struct Driver: Encodable {
    var name = "kmemreplay"
    var version = ToolVersion.current
    var rules: [Rule]
  }

  private struct Tool: Encodable {
    var driver: Driver
  }

  private struct ArtifactLocation: Encodable {
    var uri: String
  }

  private struct Region: Encodable {
    var startLine: Int
  }

  private struct PhysicalLocation: Encodable {
    var artifactLocation: ArtifactLocation
    var region: Region?
  }

  private struct LogicalLocation: Encodable {
    var fullyQualifiedName: String
    var kind = "function"
  }

  private struct Location: Encodable {
    var physicalLocation: PhysicalLocation?
    var logicalLocations: [LogicalLocation]?
  }

  private struct Result: Encodable {
    var ruleId: String
    var level: String
    var message: Text
    var locations: [Location]
  }

  private struct Run: Encodable {
    var tool: Tool
    var results: [Result]
    var columnKind = "utf16CodeUnits"
  }

  private struct Log: Encodable {
    enum CodingKeys: String, CodingKey {
      case schema = "$schema"
      case version, runs
    }

    var schema = "https://json.schemastore.org/sarif-2.1.0.json"
    var version = "2.1.0"
    var runs: [Run]
  }

  private static let rules = [
    Rule(
      id: "threshold", name: "ThresholdExceeded",
      shortDescription: Text(text: "A figure is beyond what --fail-on allows.")),
    Rule(
      id: "object-waste", name: "ObjectWaste",
      shortDescription: Text(text: "A call site whose objects are handed out larger than asked for.")),
  ]

  private var inputLocation: Location {
    let name = document["input"]?["name"]?.text ?? "trace"
    return Location(physicalLocation: .init(artifactLocation: .init(uri: Self.uri(name == "-" ? "stdin" : name))))
  }

  /// The log.
  public func json() throws -> String {
    let failed = outcomes.filter { $0.verdict != .kept }.map {
      Result(
        ruleId: "threshold", level: "error", message: Text(text: SafeText.printable($0.message)),
        locations: [inputLocation])
    }
    return try JSONReport.text(
      Log(runs: [Run(tool: Tool(driver: Driver(rules: Self.rules)), results: failed + callSites)]))
  }

  private var callSites: [Result] {
    guard document["by"]?.text == "call-site", case .array(let groups)? = document["groups"] else { return [] }
    return groups.prefix(limit).compactMap { group in
      guard let key = group["key"]?.text, let waste = group["live"]?["wastedBytes"]?.number, waste > 0 else {
        return nil
      }
      let objects = group["live"]?["objects"]?.number ?? 0
      let name = SafeText.printable(group["symbol"]?.text ?? key)
      var location = Location(
        physicalLocation: nil, logicalLocations: [LogicalLocation(fullyQualifiedName: name)])
      if let file = group["source"]?["file"]?.text {
        let line = group["source"]?["line"]?.number.map { Int($0) }
        location.physicalLocation = .init(
          artifactLocation: .init(uri: Self.uri(file)), region: line.flatMap { $0 > 0 ? Region(startLine: $0) : nil })
      } else {
        location.physicalLocation = inputLocation.physicalLocation
      }
      return Result(
        ruleId: "object-waste", level: "note",
        message: Text(
          text: "\(name) wastes \(Units.bytes(Int64(waste))) in \(Units.count(UInt64(max(objects, 0)))) live objects"),
        locations: [location])
    }
  }

  /// A path as a relative URI reference.
  private static func uri(_ path: String) -> String {
    let hex = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"):
        text.append(byte)
      default: text += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
