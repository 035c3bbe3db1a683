public import KernelTypes
public import ProcSnapshots

/// What a snapshot says about its machine, with what had to be assumed.
public struct SnapshotMachine: Sendable {
  public var kernel: KernelVersion?
  /// Such as `6.1.0-18-amd64`.
  public var release: String?
  /// Bytes in a page.
  public var pageSize: Int
  public var cpuCount: Int?
  /// `SLUB`, `SLAB` or `SLOB`, if the files tell.
  public var slabAllocator: String?
  /// The fields that nothing in the snapshot tells.
  public var assumed: [String] = []

  public init(_ snapshot: Snapshot) {
    release = snapshot.version?.release
    kernel = snapshot.version?.kernel
    if kernel == nil { assumed.append("kernel") }
    cpuCount = snapshot.zoneInfo?.zones.map { $0.pageSets.count }.max().flatMap { $0 > 0 ? $0 : nil }
    if let told = Self.pageSize(snapshot) {
      pageSize = told
    } else {
      pageSize = 4096
      assumed.append("pageSize")
    }
    slabAllocator = Self.slabAllocator(snapshot)
  }

  /// The version that formulas are taken from.
  public var formulaKernel: KernelVersion { kernel ?? KernelVersion(6, 1) }

  /// Kilobytes in a page.
  var pageKilobytes: Int { max(pageSize / 1024, 1) }

  private static func pageSize(_ snapshot: Snapshot) -> Int? {
    if let kilobytes = snapshot.smaps?.entries.first?["KernelPageSize"], kilobytes.nonzeroBitCount == 1,
      kilobytes <= 1024
    {
      return Int(kilobytes) * 1024
    }
    // The kernel counts the same pages in zoneinfo (as pages) and meminfo (as kilobytes).
    guard let zoneInfo = snapshot.zoneInfo, zoneInfo.damage.isNone else { return nil }
    let free = zoneInfo.zones.reduce(0) { $0 &+ ($1["managed"] ?? 0) }
    guard free > 0, let total = snapshot.memInfo?["MemTotal"], total < countLimit else { return nil }
    return [4, 8, 16, 32, 64].first { (free &* $0 &- Int(total)).magnitude < total / 10 }.map { $0 * 1024 }
  }

  private static func slabAllocator(_ snapshot: Snapshot) -> String? {
    if snapshot.slabDirectory != nil { return "SLUB" }
    if let slabInfo = snapshot.slabInfo, !slabInfo.caches.isEmpty {
      // SLUB has no tunables and prints zeros; SLAB prints the sizes of its per-CPU arrays.
      return slabInfo.caches.contains { $0.tunables.contains { $0 > 0 } } ? "SLAB" : "SLUB"
    }
    return nil
  }

  static let countLimit: UInt64 = 1 << 50
}
