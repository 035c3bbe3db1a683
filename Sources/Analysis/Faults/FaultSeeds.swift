public import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

/// Makes what a replay of page faults starts from, out of snapshots of a process.
public enum FaultSeeds {
  /// The process of a snapshot with maps or smaps; `nil` if there are none, or nothing says whose they are.
  ///
  /// `pid` is the process if the snapshot doesn't tell.
  public static func process(_ snapshot: Snapshot, pid: Int? = nil) -> ProcessSeed? {
    guard let pid = snapshot.status?["Pid"].flatMap({ Int($0) }) ?? pid else { return nil }
    let mappings = snapshot.maps?.mappings ?? snapshot.smaps?.entries.map(\.mapping) ?? []
    if mappings.isEmpty { return nil }
    let isSharedMemory = countsAsSharedMemory(snapshot)
    let areas = mappings.map { mapping in
      ProcessSeed.Area(
        start: mapping.start.value, end: mapping.end.value, permissions: mapping.permissions,
        offset: mapping.offset.value, name: mapping.path.description, inode: mapping.inode,
        isSharedMemory: mapping.inode != 0 && isSharedMemory, isLocked: isLocked(mapping, snapshot))
    }
    let pages = (snapshot.pageListing?.entries ?? []).filter { !$0.isSwapped }.map { entry in
      ProcessSeed.Page(
        address: entry.address.value, frame: entry.value.value, isFile: entry.isFileOrShared,
        isExclusive: entry.isExclusive)
    }
    return ProcessSeed(pid: pid, name: snapshot.status?["Name"] ?? "", areas: areas, pages: pages)
  }

  /// The settings of virtual memory, as far as snapshots tell; huge pages only where they are said to be on.
  ///
  /// Without a `scheme`, 64-bit machines have four levels and 32-bit ones PAE, as distributions build them.
  public static func policy(
    _ snapshots: [Snapshot], profile: KernelProfile, scheme: TranslationScheme? = nil
  ) -> VirtualMemoryPolicy {
    var policy = VirtualMemoryPolicy(scheme: scheme ?? (profile.architecture == .x86 ? .pae : .x86_64))
    policy.hugePages = .never
    // `always madvise [never]`
    let setting = snapshots.compactMap(\.hugePages).first?.listing["enabled"] ?? ""
    for choice in VirtualMemoryPolicy.HugePages.allCases where setting.contains("[\(choice.rawValue)]") {
      policy.hugePages = choice
    }
    return policy
  }

  /// Whether the process's files lie in memory (tmpfs, the initial file system): what most of their pages count as.
  private static func countsAsSharedMemory(_ snapshot: Snapshot) -> Bool {
    guard let shared = snapshot.status?.kilobytes("RssShmem"), let file = snapshot.status?.kilobytes("RssFile") else {
      return false
    }
    return shared > file
  }

  private static func isLocked(_ mapping: ProcessMapping, _ snapshot: Snapshot) -> Bool {
    for entry in snapshot.smaps?.entries ?? [] where entry.mapping.start == mapping.start {
      for case .flags(let flags) in entry.lines where flags.contains("lo") { return true }
    }
    return false
  }
}
