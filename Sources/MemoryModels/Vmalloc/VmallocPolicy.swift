public import KernelTypes

/// How a kernel finds addresses for `vmalloc`, `vmap` and `ioremap`.
public struct VmallocPolicy: Hashable, Sendable {
  /// Where a search begins and what it takes.
  public enum Search: String, Hashable, Sendable, Codable {
    /// The first hole after the area made last, from the beginning if a hole before it should do: up to 5.1.
    case afterLast
    /// The lowest free area that fits: 5.2 and later.
    case lowestFit
  }

  public var search: Search
  /// Bytes in a page.
  public var pageSize: UInt64
  /// The most that `ioremap` aligns to, as a power of two (`IOREMAP_MAX_ORDER`).
  public var mappingAlignmentLimit: Int
  /// Whether `ioremap` aligns exact powers of two to twice their size: 3.x.
  public var overalignsMappings: Bool
  /// Freed pages that may wait before their addresses are used again.
  public var lazyPageLimit: UInt64
  /// Alignment of kernel stacks in bytes (`THREAD_ALIGN`).
  public var stackAlignment: UInt64

  /// The rules of a kernel. Follows mm/vmalloc.c, Linux 3.5, 5.4 and 6.1; of the node pools of 6.9 the global search
  /// alone is modelled.
  public init(kernel: KernelVersion, architecture: Architecture, pageSize: Int = 4096, cpuCount: Int = 1) {
    search = kernel >= KernelVersion(5, 2) ? .lowestFit : .afterLast
    self.pageSize = UInt64(pageSize)
    mappingAlignmentLimit =
      switch architecture {
      case .arm: 24
      case .x86: 22
      case .x86_64, .arm64: 30
      }
    overalignsMappings = kernel < KernelVersion(3, 14)
    // fls(online CPUs) times 32 MiB.
    let scale = UInt64(Int.bitWidth - max(cpuCount, 1).leadingZeroBitCount)
    lazyPageLimit = scale * ((32 << 20) / UInt64(pageSize))
    stackAlignment = UInt64(architecture.pointerBytes == 8 ? 16 << 10 : 8 << 10)
  }

  /// The alignment of an `ioremap` of so many bytes. Follows `__get_vm_area_node`, Linux 6.1 and 3.5.
  public func mappingAlignment(bytes: UInt64) -> UInt64 {
    let pageOrder = pageSize.trailingZeroBitCount
    let size = max(bytes, 1)
    // fls counts the bits of the size itself, get_count_order those of what is one less.
    let order =
      overalignsMappings
      ? UInt64.bitWidth - size.leadingZeroBitCount
      : UInt64.bitWidth - (size - 1).leadingZeroBitCount
    return 1 << UInt64(min(max(order, pageOrder), mappingAlignmentLimit))
  }

  /// Bytes rounded up to whole pages; `nil` if that is too much for an address space.
  func rounded(_ bytes: UInt64) -> UInt64? {
    bytes > 1 << 62 ? nil : (bytes + pageSize - 1) / pageSize * pageSize
  }
}
