import Analysis
import KernelTypes
import ProcSnapshots

/// The JSON of `snapshot`.
struct SnapshotDocument: Encodable {
  /// As `frag` gives zones: indices with three decimals, as the kernel prints them.
  struct Zone: Encodable {
    struct Marks: Encodable {
      var min: Int
      var low: Int
      var high: Int
      var boost: Int
    }

    var node: Int
    var zone: String
    var freePages: UInt64
    var freeBlocks: [UInt64]
    var byMigrateType: [String: [UInt64]]?
    /// Types of which the kernel did not count all blocks.
    var cappedTypes: [String]?
    var fragmentationIndex: [Double]
    var unusableIndex: [Double]
    var externalFragmentationPercent: [Int]
    var largestFreeOrder: Int?
    var watermarks: Marks?
    /// By order: `served`, `fragmented` or `lacksMemory`.
    var outcomes: [String]?
  }

  struct Check: Encodable {
    var name: String
    var subject: String
    var expected: Int
    var found: Int
    var unit: CrossCheck.Unit
    var verdict: CrossCheck.Verdict
    var reason: String?
  }

  struct IndexLine: Encodable {
    var file: IndexVerification.File
    var node: Int
    var zone: String
    var checked: Int
    var equal: Int
    var computed: [Double]
    var printed: [Double]
    var moves: [String]?
  }

  struct Verification: Encodable {
    var checked: Int
    var equal: Int
    var lines: Int
    var equalLines: Int
    var explainedLines: Int
    var byLine: [IndexLine]
  }

  struct Setting: Encodable {
    var name: String
    var value: String
    var standard: String?
    var meaning: String?
    var here: String?
    var isChanged: Bool
    /// `modelled`, `none` or `unknown`: whether it can change what is computed here.
    var effect: String

    static func word(_ effect: Knob.Effect) -> String {
      switch effect {
      case .modelled: "modelled"
      case .none: "none"
      case .unknown: "unknown"
      }
    }
  }

  struct Cache: Encodable {
    var name: String
    var objectSize: UInt64
    var activeObjects: UInt64
    var objects: UInt64
    var slabBytes: UInt64
  }

  let header: SnapshotHeader
  var zones: [Zone]
  var memory: [String: UInt64]
  var checks: [Check]
  var indices: Verification
  var settings: [Setting]
  var caches: [Cache]
  var advice: [String]
  /// Frames by use, by kpageflags.
  var frames: [String: Int]?

  private enum CodingKeys: CodingKey {
    case zones, memory, checks, indices, settings, caches, advice, frames
  }

  init(_ report: SnapshotReport) {
    let findings = report.findings
    header = SnapshotHeader(findings, command: "snapshot")
    zones = findings.zones.map { zone in Zone(zone, findings.advice.zones.first { $0.id == zone.id }) }
    memory = Dictionary(
      (findings.snapshot.memInfo?.fields ?? []).map { field in
        // Bytes, as everywhere in JSON; the pool of huge pages is counted in pages.
        (field.name, field.hasKilobytes ? min(field.value, 1 << 50) << 10 : field.value)
      }, uniquingKeysWith: { first, _ in first })
    checks = findings.checks.checks.map {
      Check(
        name: $0.name, subject: $0.subject, expected: $0.expected, found: $0.found, unit: $0.unit, verdict: $0.verdict,
        reason: $0.reason)
    }
    indices = Verification(findings.verification)
    settings = findings.knobs.map {
      Setting(
        name: $0.name, value: $0.value, standard: $0.standard, meaning: $0.meaning, here: $0.here,
        isChanged: $0.isChanged, effect: Setting.word($0.effect))
    }
    caches = findings.caches.prefix(report.top ?? .max).map {
      Cache(
        name: $0.name, objectSize: $0.objectSize, activeObjects: $0.activeObjects, objects: $0.objects,
        slabBytes: $0.slabBytes)
    }
    advice = findings.advice.sentences
    frames = findings.snapshot.pageFlags.map { flags in
      Dictionary(uniqueKeysWithValues: flags.uses.map { ($0.rawValue, $1) })
    }
  }

  func encode(to encoder: any Encoder) throws {
    try header.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(zones, forKey: .zones)
    try container.encode(memory, forKey: .memory)
    try container.encode(checks, forKey: .checks)
    try container.encode(indices, forKey: .indices)
    try container.encode(settings, forKey: .settings)
    try container.encode(caches, forKey: .caches)
    try container.encode(advice, forKey: .advice)
    try container.encodeIfPresent(frames, forKey: .frames)
  }
}

extension SnapshotDocument.Zone {
  init(_ zone: ZoneFragmentation, _ advice: SnapshotAdvice.Zone?) {
    node = zone.id.node
    self.zone = zone.id.zone
    freePages = zone.index.freePages
    freeBlocks = zone.index.freeBlocks
    if !zone.types.isEmpty {
      byMigrateType = Dictionary(
        zone.types.map { ($0.type, $0.freeBlocks.map(\.blocks)) }, uniquingKeysWith: { first, _ in first })
      let capped = zone.types.filter { $0.freeBlocks.contains(where: \.isCapped) }.map(\.type)
      cappedTypes = capped.isEmpty ? nil : capped
    }
    fragmentationIndex = zone.fragmentationIndices.map { Double($0) / 1000 }
    unusableIndex = zone.unusableIndices.map { Double($0) / 1000 }
    externalFragmentationPercent = zone.orders.map(zone.index.externalFragmentation)
    largestFreeOrder = zone.index.largestFreeOrder
    watermarks = zone.marks.map { .init(min: $0.minimum, low: $0.low, high: $0.high, boost: $0.boost) }
    outcomes = advice?.outcomes.map { outcome in
      switch outcome {
      case .served: "served"
      case .fragmented: "fragmented"
      case .lacksMemory: "lacksMemory"
      }
    }
  }
}

extension SnapshotDocument.Verification {
  init(_ verification: IndexVerification) {
    checked = verification.checked
    equal = verification.equal
    lines = verification.lines.count
    equalLines = verification.equalLines
    explainedLines = verification.explainedLines
    byLine = verification.lines.map { line in
      SnapshotDocument.IndexLine(
        file: line.file, node: line.id.node, zone: line.id.zone, checked: line.printed.count, equal: line.equal,
        computed: line.computed.map { Double($0) / 1000 }, printed: line.printed.map { Double($0) / 1000 },
        moves: line.isEqual ? nil : line.moves?.map(\.description))
    }
  }
}

extension SnapshotReport {
  /// The report as JSON.
  public func json() throws -> String { try JSONReport.text(SnapshotDocument(self)) }
}
