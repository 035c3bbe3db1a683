/// What waste is summed up by.
public enum WasteGrouping: String, CaseIterable, Sendable, Codable {
  /// The code that asked for the memory.
  case callSite = "call-site"
  /// The slab cache that gave it.
  case cache
  /// The bytes asked for.
  case size
  /// The task's name and number.
  case task
  /// The CPU that allocated.
  case cpu
  /// The NUMA node asked for.
  case node
  /// The page order of kmallocs larger than a page.
  case order
  /// The allocation flags.
  case gfp
  /// The part of the kernel's source tree, or the module, that the call site belongs to.
  case subsystem

  /// What one group is, for headings.
  public var title: String {
    switch self {
    case .callSite: "call site"
    case .cache: "cache"
    case .size: "requested bytes"
    case .task: "task"
    case .cpu: "CPU"
    case .node: "node asked for"
    case .order: "page order"
    case .gfp: "gfp flags"
    case .subsystem: "subsystem"
    }
  }
}

/// Which objects count.
public enum EventFamily: String, CaseIterable, Sendable, Codable {
  /// kmalloc and kmem_cache objects.
  case all
  /// Objects of `kmalloc` and `kmalloc_node`.
  case kmalloc
  /// Objects of `kmem_cache_alloc` and `kmem_cache_alloc_node`.
  case cache
}
