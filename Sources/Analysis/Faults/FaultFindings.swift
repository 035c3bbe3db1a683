public import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

/// The answer of `faults`: what each page fault was, and how well the model foresaw it.
public struct FaultFindings: Sendable {
  /// A number of the model beside the kernel's.
  public struct Comparison: Sendable {
    public var name: String
    public var predicted: Int64
    public var observed: Int64
    public var isMatch: Bool { predicted == observed }

    public init(name: String, predicted: Int64, observed: Int64) {
      self.name = name
      self.predicted = predicted
      self.observed = observed
    }
  }

  /// Pages of a mapping in memory at the end.
  public struct AreaComparison: Sendable {
    public var start: UInt64
    public var end: UInt64
    public var name: String
    public var predicted: Int64
    public var observed: Int64
  }

  public var outcome: FaultReplayOutcome
  public var profile: KernelProfile
  /// The process that snapshots tell of, if one does.
  public var pid: Int?
  /// The start and the end of that process against the snapshots.
  public var before: [Comparison]
  public var after: [Comparison]
  public var areas: [AreaComparison]
  /// The kernel's own count of faults between two snapshots, against the trace's.
  public var counts: [Comparison]

  public init(
    outcome: FaultReplayOutcome, profile: KernelProfile, pid: Int? = nil, before: [Comparison] = [],
    after: [Comparison] = [], areas: [AreaComparison] = [], counts: [Comparison] = []
  ) {
    self.outcome = outcome
    self.profile = profile
    self.pid = pid
    self.before = before
    self.after = after
    self.areas = areas
    self.counts = counts
  }

  /// What a process has, against its /proc/PID/smaps and status.
  ///
  /// status lags behind by up to 64 pages of each kind on kernels that count by task first (up to 6.1), smaps doesn't.
  public static func compare(
    resident: [Int], tables: [Int], status: ProcessStatus?, smaps: ProcessSmaps?, pageSize: Int
  ) -> [Comparison] {
    var found: [Comparison] = []
    let kilobytes = max(Int64(pageSize / 1024), 1)
    func add(_ name: String, _ pages: Int, _ observed: UInt64?) {
      guard let observed else { return }
      found.append(Comparison(name: name, predicted: Int64(pages), observed: Int64(clamping: observed) / kilobytes))
    }
    let anonymous = resident[ResidentKind.anonymous.rawValue]
    let file = resident[ResidentKind.file.rawValue] + resident[ResidentKind.sharedMemory.rawValue]
    if let smaps {
      add("Anonymous", anonymous, smaps.total("Anonymous"))
      add("Rss", anonymous + file, smaps.total("Rss"))
      add("Swap", resident[ResidentKind.swap.rawValue], smaps.total("Swap"))
    } else {
      add("RssAnon", anonymous, status?.kilobytes("RssAnon"))
      add("RssFile and RssShmem", file, status.flatMap(filePages))
      add("VmSwap", resident[ResidentKind.swap.rawValue], status?.kilobytes("VmSwap"))
    }
    add("VmPTE", tables.reduce(0, +), status?.kilobytes("VmPTE"))
    return found
  }

  private static func filePages(_ status: ProcessStatus) -> UInt64? {
    guard let file = status.kilobytes("RssFile"), let shared = status.kilobytes("RssShmem") else { return nil }
    return file &+ shared
  }

  /// Pages in memory of each mapping, against smaps.
  public static func compare(_ usage: [AreaUsage], smaps: ProcessSmaps?, pageSize: Int) -> [AreaComparison] {
    guard let smaps else { return [] }
    let kilobytes = UInt64(max(pageSize / 1024, 1))
    return smaps.entries.compactMap { entry in
      guard let observed = entry["Rss"] else { return nil }
      let mapping = entry.mapping
      let predicted = usage.filter { $0.area.start >= mapping.start.value && $0.area.end <= mapping.end.value }
        .reduce(0) { $0 + $1.resident }
      return AreaComparison(
        start: mapping.start.value, end: mapping.end.value, name: mapping.path.description,
        predicted: Int64(predicted), observed: Int64(clamping: observed / kilobytes))
    }
  }

  /// Faults that the trace has, against the difference of /proc/vmstat.
  public static func compareCounts(_ outcome: FaultReplayOutcome, before: VMStat?, after: VMStat?) -> [Comparison] {
    guard let before, let after else { return [] }
    func difference(_ name: String) -> Int64? {
      guard let first = before[name], let second = after[name] else { return nil }
      return Int64(clamping: second) - Int64(clamping: first)
    }
    var found: [Comparison] = []
    if let observed = difference("pgfault") {
      found.append(Comparison(name: "pgfault", predicted: Int64(outcome.handled), observed: observed))
    }
    if let observed = difference("pgmajfault") {
      found.append(Comparison(name: "pgmajfault", predicted: Int64(outcome.total.major), observed: observed))
    }
    return found
  }
}
