import Analysis
import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import TraceEvents

/// The replay of a trace's page faults, in a pass that may do other work beside it.
struct FaultPass {
  private let replay: FaultReplay
  private let profile: KernelProfile
  private let before: [Snapshot]
  private let after: [Snapshot]
  private let seeds: [ProcessSeed]
  /// What the first known process has at the start.
  private let start: (resident: [Int], tables: [Int])?

  /// Prepares a replay from what snapshots tell of processes; `pid` is theirs if they have no status. Addresses are
  /// translated as `scheme` says, by default as the architecture does, on `processors`.
  init(
    profile: KernelProfile, strings: StringInterner, before: [Snapshot], after: [Snapshot], pid: Int? = nil,
    scheme: TranslationScheme? = nil, processors: Processors.Settings? = nil
  ) {
    self.profile = profile
    self.before = before
    self.after = after
    seeds = before.compactMap { FaultSeeds.process($0, pid: pid) }
    replay = FaultReplay(
      profile: profile, strings: strings, seeds: seeds,
      policy: FaultSeeds.policy(before, profile: profile, scheme: scheme), processors: processors)
    start = seeds.first.flatMap { [replay] in replay.figures(pid: $0.pid) }
  }

  func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    replay.consume(batch, rows: rows, isInside: isInside)
  }

  /// The findings after the last batch.
  func finish() -> FaultFindings {
    let outcome = replay.finish()
    var findings = FaultFindings(outcome: outcome, profile: profile, pid: seeds.first?.pid)
    if let seed = seeds.first, let start {
      let status = before.compactMap(\.status).first
      // What is in memory at the start comes from the snapshot itself; the tables that takes are the model's.
      findings.before = FaultFindings.compare(
        resident: start.resident, tables: start.tables, status: status, smaps: nil, pageSize: profile.pageSize
      ).filter { $0.name == "VmPTE" }
      let later = after.first { $0.status?["Pid"] == "\(seed.pid)" }
      if let later, let end = replay.figures(pid: seed.pid) {
        findings.after = FaultFindings.compare(
          resident: end.resident, tables: end.tables, status: later.status, smaps: later.smaps,
          pageSize: profile.pageSize)
        findings.areas = FaultFindings.compare(
          replay.usage(pid: seed.pid), smaps: later.smaps, pageSize: profile.pageSize)
      }
    }
    findings.counts = FaultFindings.compareCounts(
      outcome, before: before.compactMap(\.vmStat).first, after: after.compactMap(\.vmStat).first)
    return findings
  }
}
