/// What was kept of a machine at one moment: any of the kernel's files, each a few milliseconds after the one before.
public struct Snapshot: Sendable {
  /// A file that is there and can't be used.
  public struct Unusable: Sendable, Hashable {
    public var kind: SnapshotFileKind
    public var error: SnapshotError
  }

  /// What the user calls it.
  public var name: String
  public var version: KernelBanner?
  public var commandLine: KernelCommandLine?
  public var memInfo: MemInfo?
  public var buddyInfo: BuddyInfo?
  public var pageTypeInfo: PageTypeInfo?
  public var zoneInfo: ZoneInfo?
  public var vmStat: VMStat?
  public var slabInfo: SlabInfo?
  public var slabDirectory: SlabDirectory?
  public var sysctlVM: SysctlVM?
  public var hugePages: HugePageSettings?
  public var vmallocInfo: VmallocInfo?
  public var ioMemory: IOMemory?
  public var swaps: Swaps?
  public var bootLog: BootLog?
  public var fragmentationIndex: FragmentationIndexFile?
  public var unusableIndex: FragmentationIndexFile?
  public var pageOwner: PageOwner?
  public var allocInfo: AllocInfo?
  public var pageFlags: KPageFlags?
  public var pageCounts: KPageCount?
  public var freeLists: FreeListDump?
  public var maps: ProcessMaps?
  public var smaps: ProcessSmaps?
  public var status: ProcessStatus?
  public var pageMap: ProcessPageMap?
  /// A process's pages as text, in the place of `pageMap`.
  public var pageListing: PageListing?

  /// Bytes of all files, unpacked.
  public private(set) var byteCount = 0
  /// The files that could be read, with what of each could not be used.
  public private(set) var present: [SnapshotFileKind: FileDamage] = [:]
  /// The files that are there and could not be used, in the order of kinds.
  public private(set) var unusable: [Unusable] = []
  /// Why an archive could not be read to its end, if it could not.
  public internal(set) var archiveError: SnapshotError?

  public init(name: String) { self.name = name }

  /// Reads files that are in memory; one that makes no sense is noted in `unusable`.
  public init(name: String, files: [SnapshotFileKind: FileContent]) {
    self.init(name: name)
    for kind in SnapshotFileKind.allCases {
      guard let content = files[kind] else { continue }
      byteCount += content.bytes.count
      do throws(SnapshotError) {
        try read(kind, content)
      } catch {
        unusable.append(Unusable(kind: kind, error: error))
      }
    }
  }

  /// The snapshot without files of which a part is missing, so that sums over whole files are right.
  public var withoutDamagedFiles: Snapshot {
    var whole = self
    func isDamaged(_ file: (any KernelFile)?) -> Bool { file.map { !$0.damage.isNone } ?? false }
    if isDamaged(buddyInfo) { whole.buddyInfo = nil }
    if isDamaged(pageTypeInfo) { whole.pageTypeInfo = nil }
    if isDamaged(zoneInfo) { whole.zoneInfo = nil }
    if isDamaged(slabInfo) { whole.slabInfo = nil }
    if isDamaged(vmallocInfo) { whole.vmallocInfo = nil }
    if isDamaged(ioMemory) { whole.ioMemory = nil }
    if isDamaged(swaps) { whole.swaps = nil }
    if isDamaged(pageFlags) { whole.pageFlags = nil }
    if isDamaged(freeLists) { whole.freeLists = nil }
    if isDamaged(smaps) { whole.smaps = nil }
    return whole
  }

  /// The machine's files that are not there.
  public var missing: [SnapshotFileKind] {
    SnapshotFileKind.allCases.filter { kind in
      kind.isExpected && present[kind] == nil && !unusable.contains { $0.kind == kind }
    }
  }

  private mutating func read(_ kind: SnapshotFileKind, _ content: FileContent) throws(SnapshotError) {
    switch kind {
    case .version: try keep(kind, content, \.version)
    case .commandLine: try keep(kind, content, \.commandLine)
    case .memInfo: try keep(kind, content, \.memInfo)
    case .buddyInfo: try keep(kind, content, \.buddyInfo)
    case .pageTypeInfo: try keep(kind, content, \.pageTypeInfo)
    case .zoneInfo: try keep(kind, content, \.zoneInfo)
    case .vmStat: try keep(kind, content, \.vmStat)
    case .slabInfo: try keep(kind, content, \.slabInfo)
    case .slabDirectory: try keep(kind, content, \.slabDirectory)
    case .sysctlVM: try keep(kind, content, \.sysctlVM)
    case .hugePages: try keep(kind, content, \.hugePages)
    case .vmallocInfo: try keep(kind, content, \.vmallocInfo)
    case .ioMemory: try keep(kind, content, \.ioMemory)
    case .swaps: try keep(kind, content, \.swaps)
    case .bootLog: try keep(kind, content, \.bootLog)
    case .fragmentationIndex: try keep(kind, content, \.fragmentationIndex)
    case .unusableIndex: try keep(kind, content, \.unusableIndex)
    case .pageOwner: try keep(kind, content, \.pageOwner)
    case .allocInfo: try keep(kind, content, \.allocInfo)
    case .pageFlags: try keep(kind, content, \.pageFlags)
    case .pageCounts: try keep(kind, content, \.pageCounts)
    case .freeLists: try keep(kind, content, \.freeLists)
    case .maps: try keep(kind, content, \.maps)
    case .smaps: try keep(kind, content, \.smaps)
    case .status: try keep(kind, content, \.status)
    case .pageMap:
      if PageListing.isListing(content) {
        try keep(kind, content, \.pageListing)
      } else {
        try keep(kind, content, \.pageMap)
      }
    }
  }

  private mutating func keep<File: KernelFile>(
    _ kind: SnapshotFileKind, _ content: FileContent, _ place: WritableKeyPath<Snapshot, File?>
  ) throws(SnapshotError) {
    let file = try File(parsing: content)
    self[keyPath: place] = file
    present[kind] = file.damage
  }
}
