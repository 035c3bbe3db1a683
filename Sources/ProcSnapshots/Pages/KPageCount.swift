/// `/proc/kpagecount`: how often every page frame is mapped. Root reads it.
///
/// Follows `kpagecount_read` in fs/proc/page.c, Linux 6.1.
public struct KPageCount: KernelFile {
  /// From frame 0.
  public var pages: PageWords
  public var damage: FileDamage { pages.damage }

  public init(parsing content: FileContent) throws(SnapshotError) {
    pages = try PageWords(content, kind: "map counts")
  }

  public var bytes: [UInt8] { pages.bytes }
}
