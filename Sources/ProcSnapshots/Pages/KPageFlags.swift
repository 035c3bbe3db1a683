/// `/proc/kpageflags`: what every page frame is used for, one word of flags a frame. Root reads it.
///
/// Follows `stable_page_flags` in fs/proc/page.c and include/uapi/linux/kernel-page-flags.h, Linux 6.1.
public struct KPageFlags: KernelFile {
  /// The flags of a page.
  public struct Flags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let dirty = Flags(rawValue: 1 << 4)
    public static let lru = Flags(rawValue: 1 << 5)
    public static let active = Flags(rawValue: 1 << 6)
    public static let slab = Flags(rawValue: 1 << 7)
    /// Free, in the buddy allocator.
    public static let buddy = Flags(rawValue: 1 << 10)
    public static let memoryMapped = Flags(rawValue: 1 << 11)
    public static let anonymous = Flags(rawValue: 1 << 12)
    public static let swapCache = Flags(rawValue: 1 << 13)
    /// In swap when it is not in memory: anonymous, or shared.
    public static let swapBacked = Flags(rawValue: 1 << 14)
    public static let compoundHead = Flags(rawValue: 1 << 15)
    public static let compoundTail = Flags(rawValue: 1 << 16)
    /// Of a pool of huge pages.
    public static let huge = Flags(rawValue: 1 << 17)
    /// Out of use, because its memory failed.
    public static let poisoned = Flags(rawValue: 1 << 19)
    /// There is no page at this frame.
    public static let noPage = Flags(rawValue: 1 << 20)
    public static let pageTable = Flags(rawValue: 1 << 26)
    public static let reserved = Flags(rawValue: 1 << 32)
  }

  /// From frame 0.
  public var pages: PageWords
  public var damage: FileDamage { pages.damage }

  public init(parsing content: FileContent) throws(SnapshotError) {
    pages = try PageWords(content, kind: "page flags")
  }

  public var bytes: [UInt8] { pages.bytes }

  public func flags(of frame: Int) -> Flags { Flags(rawValue: pages.words[frame]) }

  /// What a page frame is used for, each frame under the first that applies.
  public enum Use: String, CaseIterable, Sendable, Codable {
    case absent
    case free
    case slab
    case pageTable
    case anonymous
    /// Pages of files, tmpfs and shared memory on the lists of reclaimable ones.
    case file
    case reserved
    /// In use by the kernel or drivers, or on a CPU's list of free pages.
    case other
  }

  /// Frames by use.
  public var uses: [Use: Int] {
    var uses: [Use: Int] = [:]
    for frame in pages.words.indices { uses[use(of: frame), default: 0] += 1 }
    return uses
  }

  private func use(of frame: Int) -> Use {
    let flags = flags(of: frame)
    if flags.contains(.noPage) { return .absent }
    if flags.contains(.buddy) { return .free }
    if flags.contains(.slab) { return .slab }
    if flags.contains(.pageTable) { return .pageTable }
    if flags.contains(.anonymous) { return .anonymous }
    if flags.contains(.lru) { return .file }
    return flags.contains(.reserved) ? .reserved : .other
  }

  /// Frames that have all of these flags.
  public func count(_ flags: Flags) -> Int { pages.words.count { $0 & flags.rawValue == flags.rawValue } }
}
