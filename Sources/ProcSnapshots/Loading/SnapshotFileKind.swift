/// The kernel files that a snapshot can hold.
public enum SnapshotFileKind: String, CaseIterable, Sendable, Codable {
  case version
  case commandLine = "cmdline"
  case memInfo = "meminfo"
  case buddyInfo = "buddyinfo"
  case pageTypeInfo = "pagetypeinfo"
  case zoneInfo = "zoneinfo"
  case vmStat = "vmstat"
  case slabInfo = "slabinfo"
  case slabDirectory = "sys_kernel_slab"
  case sysctlVM = "sys_vm"
  case hugePages = "thp"
  case vmallocInfo = "vmallocinfo"
  case ioMemory = "iomem"
  case swaps
  /// The kernel's messages.
  case bootLog = "dmesg"
  case fragmentationIndex = "extfrag_index"
  case unusableIndex = "unusable_index"
  case pageOwner = "page_owner"
  case allocInfo = "allocinfo"
  case pageFlags = "kpageflags"
  case pageCounts = "kpagecount"
  /// The free lists in order: no kernel has it by itself.
  case freeLists = "kmfree"
  case maps
  case smaps
  case status
  case pageMap = "pagemap"

  /// Where the kernel has it, or how to record it.
  public var source: String {
    switch self {
    case .bootLog: "dmesg"
    case .slabDirectory: "grep -r . /sys/kernel/slab"
    case .sysctlVM: "grep -r . /proc/sys/vm"
    case .hugePages: "grep -r . /sys/kernel/mm/transparent_hugepage"
    case .fragmentationIndex, .unusableIndex: "/sys/kernel/debug/extfrag/\(rawValue)"
    case .pageOwner: "/sys/kernel/debug/page_owner"
    case .freeLists: "a dump of the free lists by a module or a debugger"
    case .maps, .smaps, .status, .pageMap: "/proc/PID/\(rawValue)"
    default: "/proc/\(rawValue)"
    }
  }

  /// Whether it belongs to one process instead of the machine.
  public var isOfProcess: Bool { [.maps, .smaps, .status, .pageMap].contains(self) }

  /// Whether every kernel has it, so that a snapshot without it lacks something.
  public var isExpected: Bool { self != .freeLists && self != .bootLog }

  /// Other names that people give these files.
  private static let otherNames: [String: SnapshotFileKind] = [
    "sysctl": .sysctlVM, "sysctl_vm": .sysctlVM, "vm": .sysctlVM, "slab": .slabDirectory,
    "sys_slab": .slabDirectory, "transparent_hugepage": .hugePages, "smaps_rollup": .smaps,
    "freelists": .freeLists, "kern.log": .bootLog,
  ]

  /// The kind of a file by its name, and the label in front of it: `t0.buddyinfo` is `buddyinfo` with the label `t0`.
  public static func recognise(_ fileName: String) -> (kind: SnapshotFileKind, label: String?)? {
    var name = Substring(fileName)
    if name.hasSuffix(".txt") { name = name.dropLast(4) }
    if let kind = kind(name) { return (kind, nil) }
    guard let dot = name.lastIndex(of: "."), let kind = kind(name[name.index(after: dot)...]), dot > name.startIndex
    else { return nil }
    return (kind, String(name[..<dot]))
  }

  private static func kind(_ name: Substring) -> SnapshotFileKind? {
    SnapshotFileKind(rawValue: String(name)) ?? otherNames[String(name)]
  }
}
