import MemoryModels
public import ProcSnapshots
public import Replay

/// What a snapshot says about the state of the kernel's allocator.
public enum SnapshotStart {
  /// SLOB's lists, from a dump of them.
  public static func state(_ snapshot: Snapshot) -> AllocatorStart {
    guard let dumped = snapshot.freeLists?.slobPages, !dumped.isEmpty else { return AllocatorStart() }
    return AllocatorStart(
      slobPages: dumped.map { page in
        SLOBStartPage(
          frame: page.frame, list: FreeListDump.SLOBPage.List.allCases.firstIndex(of: page.list) ?? 0,
          free: page.blocks.map { SLOBStartPage.Block(start: $0.start, units: $0.units) })
      })
  }
}
