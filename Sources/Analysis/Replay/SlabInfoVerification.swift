import KernelTypes
public import ProcSnapshots
public import Replay

/// The slabs of each cache as slabinfo had them after the trace, beside what the followed model makes of slabinfo before.
///
/// A prediction is the number before plus every slab that the model took and less every one of all these that it gave back.
/// Slabs that came and went between the snapshots and the trace are in no prediction; none is below zero.
public struct SlabInfoVerification: Sendable {
  public struct Cache: Sendable, Hashable {
    public var name: String
    public var slabsBefore: Int64
    public var predictedSlabs: Int64
    public var observedSlabs: Int64
    /// Objects the slabs have room for.
    public var predictedObjects: Int64
    public var observedObjects: Int64
    /// The order and the objects per slab by the model's rules, and as slabinfo has them.
    public var geometryIsRight: Bool
  }

  /// Caches that the trace has requests for, most slabs changed first.
  public var caches: [Cache] = []
  /// Caches of slabinfo that the trace has no request for, and how many of them kept their slabs.
  public var untouched = Grade()
  public var slabs = Grade()
  public var geometry = Grade()

  /// Compares; `nil` when a snapshot has no slabinfo or the model was not led along the trace.
  public init?(before: Snapshot?, after: Snapshot?, outcome: ReplayOutcome) {
    guard let before = before?.slabInfo, let after = after?.slabInfo, outcome.grades != nil else { return nil }
    let start = Dictionary(before.caches.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let replayed = Dictionary(
      outcome.caches.map { ($0.name, $0) }, uniquingKeysWith: { $0.slabPages >= $1.slabPages ? $0 : $1 })
    for end in after.caches {
      let slabsBefore = Int64(clamping: start[end.name]?.slabs ?? 0)
      let observed = Int64(clamping: end.slabs)
      guard let cache = replayed[end.name], let grades = cache.grades else {
        untouched.checked += 1
        if slabsBefore == observed { untouched.matched += 1 }
        continue
      }
      let predicted = max(slabsBefore + grades.predictedSlabs, 0)
      let isRight =
        UInt64(cache.slotsPerSlab) == end.objectsPerSlab && UInt64(cache.slotSize) == end.objectSize
        && Order.pages(cache.slabOrder) == end.pagesPerSlab
      let objectsBefore = Int64(clamping: start[end.name]?.objects ?? 0)
      caches.append(
        Cache(
          name: end.name, slabsBefore: slabsBefore, predictedSlabs: predicted, observedSlabs: observed,
          predictedObjects: max(objectsBefore + grades.predictedSlabs * Int64(cache.slotsPerSlab), 0),
          observedObjects: Int64(clamping: end.objects), geometryIsRight: isRight))
      slabs.checked += 1
      if predicted == observed { slabs.matched += 1 }
      geometry.checked += 1
      if isRight { geometry.matched += 1 }
    }
    caches.sort {
      (abs($1.observedSlabs - $1.slabsBefore), $0.name) < (abs($0.observedSlabs - $0.slabsBefore), $1.name)
    }
  }

  /// Slabs of all graded caches.
  public var predictedSlabs: Int64 { caches.reduce(0) { $0 + $1.predictedSlabs } }
  public var observedSlabs: Int64 { caches.reduce(0) { $0 + $1.observedSlabs } }
}
