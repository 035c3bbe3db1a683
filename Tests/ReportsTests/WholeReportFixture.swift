import Analysis
import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import Reports
import TestSupport
import TraceEvents

/// Reports made from traces written by hand, as the `report` command makes them.
enum WholeReportFixture {
  static let attack = "</script><img src=x onerror=alert(1)>\"'`&@someone"

  /// A trace with something of everything, some of it written by somebody who means harm.
  static func trace(sites: Int = 12) -> ScriptedTrace {
    let trace = ScriptedTrace()
    trace.context.features = [.accounted, .nodeInKmalloc, .nameInFree]
    trace.context.headerCPUCount = 1
    trace.statistics.bytes = 98765
    let base: UInt64 = 0xFFFF_8880_0000_0000
    func page(_ kind: EventKind, _ frame: UInt64, _ type: UInt8 = 0) {
      trace.add(kind) {
        $0.address = frame
        $0.migrateType = type
        $0.gfp = trace.strings.intern("GFP_KERNEL|__GFP_COMP")
      }
    }
    var frame: UInt64 = 0x400
    for round in 0..<4 {
      trace.mark("round \(round) " + attack)
      for site in 0..<sites {
        page(.mmPageAllocZoneLocked, frame)
        page(.mmPageAlloc, frame)
        for object in 0..<16 as Range<UInt64> {
          let address = base + frame << 12 + object << 8
          let size = UInt64(130 + (site * 7 + Int(object)) % 120)
          trace.add(.kmalloc) {
            $0.address = address
            $0.requestedBytes = size
            $0.allocatedBytes = size <= 192 ? 192 : 256
            $0.callSite = trace.strings.intern(site == 0 ? attack : "site\(site)+0x5/0x10")
            $0.comm = trace.strings.intern(site % 2 == 0 ? "worker" : attack)
            $0.gfp = trace.strings.intern("GFP_KERNEL")
            $0.stack = trace.stacks.intern(
              ["kmalloc+0x1/0x2", site == 0 ? attack : "site\(site)+0x5/0x10", "sys_\(site % 3)+0x1/0x2"]
                .map(trace.strings.intern))
          }
          if object % 3 > 0, site % 4 > 0 { trace.free(address) }
        }
        frame += 1
      }
      page(.mmPageAllocZoneLocked, frame + 0x400, 1)
      page(.mmPageAlloc, frame + 0x400, 1)
      page(.mmPagePCPUDrain, frame + 0x800, 1)
      for fault in 0..<3 as Range<UInt64> {
        trace.add(.pageFaultUser) {
          $0.address = 0x7F00_0000_0000 + (UInt64(round) * 4 + fault) << 12
          $0.requestedBytes = 6
          $0.comm = trace.strings.intern(attack)
        }
        page(.mmPageAlloc, frame + 0x1000 + fault, 1)
      }
    }
    trace.statistics.count(.malformedLines, at: .line(7), text: attack)
    return trace
  }

  static func report(_ trace: ScriptedTrace, snapshots: [(String, Snapshot)] = []) throws -> WholeReport {
    let profile = KernelProfile(kernel: KernelVersion(6, 1), cpuCount: 1)
    var batch = EventBatch(capacity: 128)
    var direct = DirectMap(pageSize: 4096)
    var frames = FrameSurvey(policy: profile.pageAllocator)
    while try trace.read(into: &batch) {
      _ = direct.consume(batch)
      frames.consume(batch)
    }
    trace.rewind()
    var survey = TraceSurvey(profile: profile, pageOffset: direct.bestGuess, strings: trace.strings)
    while try trace.read(into: &batch) { survey.consume(batch) }
    survey.finish()
    trace.rewind()
    let setups = [TracedAllocator.Kind.slub, .slab, .slob].map {
      ReplaySetup(profile: profile, allocator: $0, tracedAllocator: .slub, isFollowing: $0 == .slub)
    }
    var fleet = ReplayFleet(setups, survey: survey, strings: trace.strings)
    let types = FragmentationStart.pageblockTypes(
      survey: frames, before: nil, after: nil, policy: profile.pageAllocator)
    let map = FragmentationStart.map(survey: frames, before: nil, after: nil, profile: profile, types: types)
    var fragmentation = FragmentationReplay(
      map: map, pageblockTypes: types.types, policy: profile.pageAllocator, strings: trace.strings, stacks: trace.stacks
    )
    var pageblocks = PageblockAnalysis(policy: profile.pageAllocator)
    var lifetimes = LifetimeAnalysis()
    var pageUse = PageUseAnalysis()
    var callSites = WasteAnalysis(grouping: .callSite)
    var caches = WasteAnalysis(grouping: .cache)
    var tasks = WasteAnalysis(grouping: .task)
    let faults = FaultReplay(profile: profile, strings: trace.strings, seeds: [])
    var cursor = TimeWindowCursor(.wholeTrace)
    while try trace.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: trace.strings, clock: .time) {
        callSites.consume(batch, part, strings: trace.strings)
        caches.consume(batch, part, strings: trace.strings)
        tasks.consume(batch, part, strings: trace.strings)
        lifetimes.consume(batch, part)
        pageUse.consume(batch, part)
        faults.consume(batch, rows: part.rows, isInside: true)
        fleet.consume(batch, rows: part.rows, isInside: true)
        fragmentation.consume(batch, rows: part.rows, isInside: true)
        pageblocks.consume(batch, rows: part.rows)
      }
    }
    let pairing = callSites.pairing
    var report = WholeReport(
      subject: ReportSubject(
        name: "my trace \(attack).zst", context: trace.context,
        profile: MachineProfile(context: trace.context, statistics: trace.statistics),
        quality: DataQuality(statistics: trace.statistics, pairing: pairing)))
    report.callSites = callSites.finish(strings: trace.strings)
    report.caches = caches.finish(strings: trace.strings)
    report.tasks = tasks.finish(strings: trace.strings)
    report.lifetimes = lifetimes.finish(strings: trace.strings, stacks: trace.stacks)
    report.pageUse = pageUse.finish(strings: trace.strings, stacks: trace.stacks)
    report.comparison = CompareFindings(
      allocators: zip(setups, fleet.finish()).map { setup, outcome in
        ReplayFindings(
          allocator: setup.allocator, tracedAllocator: .slub,
          ungraded: setup.isFollowing ? nil : .otherAllocator, profile: setup.profile, outcome: outcome)
      })
    report.pageblocks = pageblocks.finish(free: fragmentation.map)
    let outcome = fragmentation.finish()
    report.fragmentation = FragmentationFindings(
      start: .trace, outcome: outcome, policy: profile.pageAllocator, after: nil, knowledge: types.knowledge,
      free: fragmentation.map)
    report.faults = FaultFindings(outcome: faults.finish(), profile: profile)
    report.history = [
      HistoryTrends(
        command: "report", figures: ["summary.live.wastedBytes", "summary.leakSuspects"],
        runs: [
          .init(number: 1, commit: "0123abcd4567", input: attack, values: [1000, 2]),
          .init(number: 2, commit: attack, input: "t", values: [1500, nil]),
          .init(number: nil, commit: "", input: "t", values: [750, 3]),
        ])
    ]
    report.snapshots = snapshots.map { (role: $0.0, findings: SnapshotFindings($0.1)) }
    return report
  }
}
