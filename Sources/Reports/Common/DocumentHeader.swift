import Analysis
import KernelTypes
import TraceEvents

/// The part that all JSON documents share. A document encodes it beside its own keys.
public struct DocumentHeader: Encodable, Sendable {
  struct Tool: Encodable, Sendable {
    var version: String
  }

  struct Input: Encodable, Sendable {
    var name: String
    var container: String
    var compression: String
    /// `ticks` if times are raw ticks where keys say nanoseconds.
    var clock: String
    var bytes: UInt64
  }

  /// The first and last event that count, on the trace's own clock.
  struct Window: Encodable, Sendable {
    var firstClockNanoseconds: UInt64
    var lastClockNanoseconds: UInt64
  }

  struct Profile: Encodable, Sendable {
    var kernel: String
    var architecture: Architecture
    var pageSize: UInt64
    var cpus: Int
    var assumed: [String]
  }

  let schema: String
  let tool: Tool
  let input: Input
  let profile: Profile
  /// Only there if a part of the trace was asked for.
  let window: Window?
  let quality: QualityDocument

  /// The header of the document of a command, such as `waste`.
  public init(command: String, version: Int = 1, subject: ReportSubject) {
    schema = "kmemreplay.\(command)/\(version)"
    tool = Tool(version: ToolVersion.current)
    input = Input(
      name: subject.name, container: subject.context.container.rawValue,
      compression: subject.context.compression.rawValue, clock: subject.context.clock.rawValue,
      bytes: subject.quality.statistics.bytes)
    profile = Profile(
      kernel: subject.profile.era.description, architecture: subject.profile.architecture,
      pageSize: subject.profile.pageSize, cpus: subject.profile.cpuCount, assumed: subject.profile.assumed)
    window = subject.window.map {
      Window(firstClockNanoseconds: $0.lowerBound, lastClockNanoseconds: $0.upperBound)
    }
    quality = QualityDocument(subject.quality)
  }
}

/// Data quality as JSON.
struct QualityDocument: Encodable, Sendable {
  struct Sample: Encodable, Sendable {
    var counter: String
    var line: UInt64?
    var byteOffset: UInt64?
    var text: String
  }

  var counters: [String: UInt64] = [:]
  var hashedPointers: Bool
  var samples: [Sample]

  init(_ quality: DataQuality) {
    let statistics = quality.statistics
    hashedPointers = quality.hasHashedPointers
    counters["lines"] = statistics.lines
    counters["events"] = statistics.events
    for counter in ImportStatistics.Counter.allCases where counter != .hashedPointers {
      // Only one kind of input has these.
      if counter == .assumedRequests, statistics[counter] == 0 { continue }
      counters[counter.rawValue] = statistics[counter]
    }
    let pairing = quality.pairing
    counters["freesOfUnseen"] = pairing.freesOfUnseen
    counters["freesOfNull"] = pairing.freesOfNull
    counters["freesOfZeroSize"] = pairing.freesOfZeroSize
    counters["zeroSizeAllocations"] = pairing.zeroSizeAllocations
    counters["allocationsOfLive"] = pairing.allocationsOfLive
    counters["failedAllocations"] = pairing.failedAllocations
    counters["unpairedAllocations"] = pairing.unpairedAllocations
    counters["unpairedFrees"] = pairing.unpairedFrees
    counters["implausibleSizes"] = pairing.implausibleSizes
    samples = statistics.samples.map { sample in
      switch sample.location {
      case .line(let line): Sample(counter: sample.counter.rawValue, line: line, text: sample.text)
      case .byteOffset(let offset): Sample(counter: sample.counter.rawValue, byteOffset: offset, text: sample.text)
      }
    }
  }

  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    for (name, count) in counters { try container.encode(count, forKey: Key(name)) }
    try container.encode(hashedPointers, forKey: Key("hashedPointers"))
    try container.encode(samples, forKey: Key("samples"))
  }
}
