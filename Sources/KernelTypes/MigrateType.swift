/// The mobility group of a page or pageblock. The numbers kernels print for these differ by version: see `numbering`.
public enum MigrateType: UInt8, Sendable, Codable, CaseIterable, BitwiseCopyable {
  case unmovable
  case movable
  case reclaimable
  /// Pages set aside for atomic high-order requests; `MIGRATE_RESERVE` before 4.4 has the same place.
  case highAtomic
  case contiguous
  case isolate

  /// How a kernel numbers migrate types in its trace events.
  public enum Numbering: String, Sendable, Codable {
    /// Unmovable 0, reclaimable 1, movable 2, reserve 3: kernels before 4.x.
    case reclaimableFirst
    /// Unmovable 0, movable 1, reclaimable 2, high-atomic 3.
    case movableFirst
  }

  /// The type a kernel's number stands for; `hasContiguous` says whether the kernel has CONFIG_CMA.
  public init?(number: Int, numbering: Numbering, hasContiguous: Bool = false) {
    switch (number, numbering) {
    case (0, _): self = .unmovable
    case (1, .reclaimableFirst), (2, .movableFirst): self = .reclaimable
    case (2, .reclaimableFirst), (1, .movableFirst): self = .movable
    case (3, _): self = .highAtomic
    case (4, _): self = hasContiguous ? .contiguous : .isolate
    case (5, _) where hasContiguous: self = .isolate
    default: return nil
    }
  }
}
