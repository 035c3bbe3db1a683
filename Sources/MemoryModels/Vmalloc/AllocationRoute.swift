public import KernelTypes

/// Where the memory of a request for so many bytes comes from: `kmalloc`, `vmalloc`, or `kvmalloc` choosing.
///
/// Follows `kmalloc` and `kmalloc_large` in mm/slab_common.c, `kvmalloc_node` in mm/util.c and `__vmalloc_node_range` in
/// mm/vmalloc.c, Linux 6.1.
public struct AllocationRoute: Hashable, Sendable {
  /// What `kmalloc` does.
  public enum Contiguous: Hashable, Sendable {
    /// An object of a cache with slots of so many bytes.
    case cache(slotBytes: Int)
    /// A block of the page allocator.
    case block(order: Int)
    /// More than the largest block.
    case tooLarge
  }

  /// What `kvmalloc` ends up with.
  public enum Choice: Hashable, Sendable {
    /// `kmalloc`: up to a page nothing else is tried.
    case kmallocOnly
    /// `kmalloc` if a block of the order can be had without effort, or else `vmalloc`.
    case kmallocThenVmalloc(order: Int)
    /// `kmalloc` can't serve it at any time.
    case vmalloc
    /// Over 2 GiB: neither.
    case refused
  }

  public var bytes: UInt64
  public var contiguous: Contiguous
  public var choice: Choice
  /// Bytes that `kmalloc` takes; `nil` if it can't.
  public var contiguousBytes: UInt64?
  /// Pages that `vmalloc` takes.
  public var virtualPages: UInt64
  /// Bytes of addresses that `vmalloc` takes, with the guard page.
  public var virtualAddressBytes: UInt64

  /// The route of a request for `bytes`, which may block, on a kernel with the given classes.
  public init(bytes: UInt64, classes: SizeClasses, profile: KernelProfile) {
    self.bytes = bytes
    let page = UInt64(profile.pageSize)
    let order = Order.holding(bytes: max(bytes, 1), pageSize: page)
    if let index = classes.index(bytes: bytes) {
      let slot = classes.sizes[index]
      contiguous = .cache(slotBytes: slot)
      contiguousBytes = UInt64(slot)
    } else if order <= profile.pageAllocator.maximumOrder {
      contiguous = .block(order: order)
      contiguousBytes = page << UInt64(order)
    } else {
      contiguous = .tooLarge
      contiguousBytes = nil
    }
    virtualPages = bytes / page + (bytes % page == 0 ? 0 : 1)
    virtualAddressBytes =
      (virtualPages + 1).multipliedReportingOverflow(by: page).overflow ? .max : (virtualPages + 1) * page
    if bytes <= page {
      choice = .kmallocOnly
    } else if bytes > UInt64(Int32.max) {
      choice = .refused
    } else if case .tooLarge = contiguous {
      choice = .vmalloc
    } else {
      choice = .kmallocThenVmalloc(order: order)
    }
  }

  /// Bytes that `kmalloc` wastes; `nil` if it can't serve the request.
  public var contiguousWasteBytes: UInt64? { contiguousBytes.map { $0 - bytes } }

  /// Bytes that `vmalloc` wastes at the end of the last page; the guard page takes addresses, not memory.
  public func virtualWasteBytes(pageSize: Int) -> UInt64 { virtualPages * UInt64(pageSize) - bytes }
}
