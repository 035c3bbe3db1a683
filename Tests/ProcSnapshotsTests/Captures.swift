import Testing

@testable import ProcSnapshots

/// The kernel files of captured snapshots.
enum Captures {
  /// The kernel files in an archive.
  static func files(_ path: String) throws -> [SnapshotReader.Candidate] {
    var reader = TarReader(try ArchiveBytes(path: path), name: path)
    var files: [SnapshotReader.Candidate] = []
    func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
    while let entry = try reader.next({ SnapshotFileKind.recognise(fileName($0)) != nil }) {
      guard let (kind, label) = SnapshotFileKind.recognise(fileName(entry.name)) else { continue }
      let directory = entry.name.split(separator: "/").filter { $0 != "." }.dropLast().joined(separator: "/")
      files.append(
        .init(
          directory: directory, label: label, kind: kind, content: FileContent(name: entry.name, bytes: entry.bytes)))
    }
    return files
  }
}

extension SnapshotFileKind {
  /// The type that reads this kind of file.
  var type: any KernelFile.Type {
    switch self {
    case .version: KernelBanner.self
    case .commandLine: KernelCommandLine.self
    case .memInfo: MemInfo.self
    case .buddyInfo: BuddyInfo.self
    case .pageTypeInfo: PageTypeInfo.self
    case .zoneInfo: ZoneInfo.self
    case .vmStat: VMStat.self
    case .slabInfo: SlabInfo.self
    case .slabDirectory: SlabDirectory.self
    case .sysctlVM: SysctlVM.self
    case .hugePages: HugePageSettings.self
    case .vmallocInfo: VmallocInfo.self
    case .ioMemory: IOMemory.self
    case .swaps: Swaps.self
    case .bootLog: BootLog.self
    case .fragmentationIndex, .unusableIndex: FragmentationIndexFile.self
    case .pageOwner: PageOwner.self
    case .allocInfo: AllocInfo.self
    case .pageFlags: KPageFlags.self
    case .pageCounts: KPageCount.self
    case .freeLists: FreeListDump.self
    case .maps: ProcessMaps.self
    case .smaps: ProcessSmaps.self
    case .status: ProcessStatus.self
    case .pageMap: ProcessPageMap.self
    }
  }
}
