/// `/proc/PID/pagemap`: where the pages of a process are. Frames are 0 for readers other than root.
///
/// Follows Documentation/admin-guide/mm/pagemap.rst, Linux 4.2 and later.
public struct ProcessPageMap: KernelFile {
  /// One page of the process.
  public struct Entry: Hashable, Sendable {
    public var rawValue: UInt64

    public var isPresent: Bool { rawValue >> 63 & 1 != 0 }
    public var isSwapped: Bool { rawValue >> 62 & 1 != 0 }
    /// A page of a file, or shared anonymous memory.
    public var isFileOrShared: Bool { rawValue >> 61 & 1 != 0 }
    public var isExclusive: Bool { rawValue >> 56 & 1 != 0 }
    public var isSoftDirty: Bool { rawValue >> 55 & 1 != 0 }
    /// The page's frame number, if it is in memory and the reader may know.
    public var frame: UInt64? { isPresent && rawValue & Self.low != 0 ? rawValue & Self.low : nil }
    /// The swap area and the page's place in it, if it is swapped out.
    public var swap: (area: UInt64, offset: UInt64)? {
      isSwapped ? (rawValue & 0x1F, (rawValue & Self.low) >> 5) : nil
    }

    private static let low: UInt64 = (1 << 55) - 1
  }

  public var pages: PageWords
  public var damage: FileDamage { pages.damage }

  public init(parsing content: FileContent) throws(SnapshotError) {
    pages = try PageWords(content, kind: "the kernel's page map")
  }

  public var bytes: [UInt8] { pages.bytes }

  public subscript(page: Int) -> Entry { Entry(rawValue: pages.words[page]) }
}
