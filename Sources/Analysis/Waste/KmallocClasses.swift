import KernelTypes

/// Tells from all kmallocs of a trace which allocator served them, and with that the name of each one's cache.
///
/// The kernel chooses a class by the bytes asked for, but which classes there are depends on its configuration; the bytes
/// given tell that, except where debugging makes slots larger than their class, or where there are no classes (SLOB).
struct KmallocClasses: BitwiseCopyable {
  private let pageSize: UInt64
  private var smallest = UInt64.max
  private var leastSlack = UInt64.max
  private var mostSlack: UInt64 = 0
  /// Whether a slot was seen whose size is no class.
  private var sawOtherSizes = false

  init(pageSize: UInt64) { self.pageSize = pageSize }

  /// Whether the page allocator serves a request, as far as there are classes of up to two pages.
  private func isLarge(_ requested: UInt64) -> Bool { requested > 2 * pageSize }

  /// Takes in an allocation and returns its class by the bytes asked for; 0 beyond the classes.
  @inline(__always)
  mutating func observe(requested: UInt64, allocated: UInt64) -> UInt64 {
    if isLarge(requested) { return 0 }
    smallest = min(smallest, allocated)
    if allocated < pageSize {
      leastSlack = min(leastSlack, allocated &- requested)
      mostSlack = max(mostSlack, allocated &- requested)
    }
    if !Self.isClass(allocated) { sawOtherSizes = true }
    return Self.classHolding(requested)
  }

  /// SLOB gives each object the same few bytes more, for its header; see `__do_kmalloc_node` in mm/slob.c, Linux 6.1.
  var isWithoutClasses: Bool { sawOtherSizes && leastSlack == mostSlack && leastSlack > 0 }

  /// What serves kmallocs of one size.
  enum Server: Equatable {
    case cache(bytes: UInt64)
    case pages(order: Int)
    case unclassed
  }

  /// What served the kmallocs of a group, known once the whole trace was seen.
  func server(allocated: UInt64, requestClass: UInt64) -> Server {
    if requestClass == 0 || (isWithoutClasses && allocated >= pageSize) {
      return .pages(order: Order.holding(bytes: allocated, pageSize: pageSize))
    }
    if isWithoutClasses { return .unclassed }
    if sawOtherSizes { return .cache(bytes: requestClass) }
    // A kernel that has classes of 32 bytes has one of 96, even if its slots are padded to 128 (SLAB).
    if requestClass == 96, allocated == 128, smallest <= 32 { return .cache(bytes: 96) }
    return .cache(bytes: allocated)
  }

  private static func isClass(_ bytes: UInt64) -> Bool {
    bytes >= 8 && (bytes.nonzeroBitCount == 1 || bytes == 96 || bytes == 192)
  }

  /// Follows `__kmalloc_index` in include/linux/slab.h, Linux 6.1.
  private static func classHolding(_ bytes: UInt64) -> UInt64 {
    if bytes <= 8 { return 8 }
    if (65...96).contains(bytes) { return 96 }
    if (129...192).contains(bytes) { return 192 }
    return 1 << UInt64(UInt64.bitWidth - (bytes - 1).leadingZeroBitCount)
  }
}
