public import ProcSnapshots

/// What a snapshot says, checked against itself and explained.
public struct SnapshotFindings: Sendable {
  public var snapshot: Snapshot
  public var machine: SnapshotMachine
  public var zones: [ZoneFragmentation]
  public var verification: IndexVerification
  public var checks: CrossChecks
  public var advice: SnapshotAdvice
  public var knobs: [Knob]

  public init(_ snapshot: Snapshot) {
    self.snapshot = snapshot
    machine = SnapshotMachine(snapshot)
    zones = ZoneFragmentation.all(snapshot)
    verification = IndexVerification(snapshot)
    checks = CrossChecks(snapshot, machine)
    advice = SnapshotAdvice(snapshot, zones: zones)
    let memory = snapshot.memInfo?["MemTotal"].flatMap { $0 < SnapshotMachine.countLimit ? Int($0) : nil }
    knobs =
      snapshot.sysctlVM.map { [pageKilobytes = machine.pageKilobytes] settings in
        KnobCatalogue.explain(settings, memoryKilobytes: memory, pageKilobytes: pageKilobytes)
      } ?? []
  }

  /// A cache and the memory of its slabs.
  public struct Cache: Sendable {
    public var name: String
    /// Bytes from one object to the next.
    public var objectSize: UInt64
    public var activeObjects: UInt64
    public var objects: UInt64
    public var slabBytes: UInt64
  }

  /// The caches with slabs, the largest first.
  public var caches: [Cache] {
    (snapshot.slabInfo?.caches ?? []).filter { $0.slabs > 0 }.map { cache in
      let pages = min(cache.slabs, 1 << 30) * min(cache.pagesPerSlab, 1 << 10)
      return Cache(
        name: cache.name, objectSize: cache.objectSize, activeObjects: cache.activeObjects, objects: cache.objects,
        slabBytes: pages * UInt64(machine.pageSize))
    }.sorted { ($1.slabBytes, $0.name) < ($0.slabBytes, $1.name) }
  }
}
