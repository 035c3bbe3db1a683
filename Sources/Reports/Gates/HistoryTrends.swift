/// Several figures of one command over the runs that a history keeps, for a report to draw.
public struct HistoryTrends: Sendable, Hashable {
  /// One run with its figures.
  public struct Run: Sendable, Hashable {
    /// `nil` for the run that the report itself is of.
    public var number: Int64?
    public var commit: String
    public var input: String
    /// In the order of the figures; `nil` where the run has none.
    public var values: [Double?]

    public init(number: Int64?, commit: String, input: String, values: [Double?]) {
      self.number = number
      self.commit = commit
      self.input = input
      self.values = values
    }

    /// What stands below its point in a chart.
    var label: String {
      if !commit.isEmpty { return String(commit.prefix(9)) }
      return number.map { "#\($0)" } ?? "this run"
    }
  }

  public var command: String
  /// The figures' paths in the command's JSON.
  public var figures: [String]
  /// Oldest first.
  public var runs: [Run]

  public init(command: String, figures: [String], runs: [Run]) {
    self.command = command
    self.figures = figures
    self.runs = runs
  }

  /// The figures that tell most, of those that a run has, by command.
  public static func headlines(of command: String, among paths: some Collection<String>) -> [String] {
    let known = Set(paths)
    return headlines.filter { ($0.command == command || $0.command.isEmpty) && known.contains($0.path) }.map(\.path)
  }

  private struct Headline {
    var command: String
    var path: String
    var name: String
    var provenance: Provenance
  }

  private static let headlines: [Headline] = [
    .init(
      command: "report", path: "summary.footprintWastedBytes", name: "Wasted beyond what was requested",
      provenance: .modelled),
    .init(command: "report", path: "summary.live.wastedBytes", name: "Object waste at the end", provenance: .observed),
    .init(
      command: "report", path: "waste.callSite.peak.allocatedBytes", name: "Allocated at the peak",
      provenance: .observed),
    .init(command: "report", path: "replay.model.peakSlabPages", name: "Slab pages at the peak", provenance: .modelled),
    .init(command: "report", path: "summary.leakSuspects", name: "Leak suspects", provenance: .observed),
    .init(command: "report", path: "faults.faults.total", name: "Page faults", provenance: .observed),
    .init(command: "", path: "live.wastedBytes", name: "Object waste at the end", provenance: .observed),
    .init(command: "", path: "peak.allocatedBytes", name: "Allocated at the peak", provenance: .observed),
    .init(
      command: "", path: "model.footprintWastedBytes", name: "Wasted beyond what was requested", provenance: .modelled),
    .init(command: "", path: "model.peakSlabPages", name: "Slab pages at the peak", provenance: .modelled),
  ]

  private func headline(of index: Int) -> Headline? { Self.headlines.first { $0.path == figures[index] } }

  func name(of index: Int) -> String { headline(of: index)?.name ?? figures[index] }

  func provenance(of index: Int) -> Provenance? { headline(of: index)?.provenance }

  func lastName(of index: Int) -> String { FieldPath(figures[index])?.lastName ?? figures[index] }

  func unit(of index: Int) -> ChartScale.Unit {
    let name = lastName(of: index)
    if name.hasSuffix("Bytes") { return .bytes }
    return name.hasSuffix("Percent") ? .index : .count
  }
}
