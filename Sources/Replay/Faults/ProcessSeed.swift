/// A process as snapshots of it from before the trace show it.
public struct ProcessSeed: Sendable {
  /// A mapping.
  public struct Area: Sendable {
    public var start: UInt64
    public var end: UInt64
    /// As /proc/PID/maps prints them, such as `rw-p`.
    public var permissions: String
    public var offset: UInt64
    /// The file's path, a name in brackets, or nothing.
    public var name: String
    /// Identifies the file; 0 for none.
    public var inode: UInt64
    /// Whether the file is in memory only (tmpfs), so that its pages count as shared memory.
    public var isSharedMemory: Bool
    public var isLocked: Bool

    public init(
      start: UInt64, end: UInt64, permissions: String, offset: UInt64, name: String, inode: UInt64,
      isSharedMemory: Bool = false, isLocked: Bool = false
    ) {
      self.start = start
      self.end = end
      self.permissions = permissions
      self.offset = offset
      self.name = name
      self.inode = inode
      self.isSharedMemory = isSharedMemory
      self.isLocked = isLocked
    }
  }

  /// A page that is in memory.
  public struct Page: Sendable {
    public var address: UInt64
    /// 0 if the snapshot hides it.
    public var frame: UInt64
    public var isFile: Bool
    public var isExclusive: Bool

    public init(address: UInt64, frame: UInt64, isFile: Bool, isExclusive: Bool) {
      self.address = address
      self.frame = frame
      self.isFile = isFile
      self.isExclusive = isExclusive
    }
  }

  public var pid: Int
  public var name: String
  public var areas: [Area]
  public var pages: [Page]

  public init(pid: Int, name: String, areas: [Area], pages: [Page]) {
    self.pid = pid
    self.name = name
    self.areas = areas
    self.pages = pages
  }
}
