public import KernelTypes

/// The marks of a zone in free pages, without boost.
public struct Watermarks: Hashable, Sendable, Codable {
  /// Below this only requests with access to reserves are served.
  public var minimum = 0
  /// Below this the reclaiming thread is woken.
  public var low = 0
  /// Up to this the reclaiming thread works.
  public var high = 0

  public init() {}

  public init(minimum: Int, low: Int, high: Int) {
    self.minimum = minimum
    self.low = low
    self.high = high
  }

  /// The marks of a zone with so many managed pages, out of `lowMemoryPages` in all zones but high memory.
  ///
  /// `minimumPages` is `min_free_kbytes` in pages. Follows `__setup_per_zone_wmarks` in mm/page_alloc.c, Linux 6.1
  /// and, where marks are a quarter and a half higher, 3.5.
  public init(
    managedPages: Int, lowMemoryPages: Int, minimumPages: Int, isHighMemory: Bool = false, policy: PageAllocatorPolicy
  ) {
    let share = lowMemoryPages == 0 ? 0 : minimumPages * managedPages / lowMemoryPages
    minimum = isHighMemory ? min(max(managedPages / 1024, 32), 128) : share
    if policy.hasQuarterAndHalfMarks {
      low = minimum + share / 4
      high = minimum + share / 2
    } else {
      let step = max(share / 4, managedPages * policy.watermarkScaleFactor / 10_000)
      low = minimum + step
      high = minimum + 2 * step
    }
  }

  /// The computed `min_free_kbytes` of a machine with so much low memory.
  /// Follows `calculate_min_free_kbytes` in mm/page_alloc.c, Linux 6.1.
  public static func minimumFreeKilobytes(lowMemoryKilobytes: Int, policy: PageAllocatorPolicy) -> Int {
    min(max(squareRoot(16 * lowMemoryKilobytes), 128), policy.minimumFreeKilobytesLimit)
  }

  /// What a machine that uses huge pages keeps free at least, in pages; `zones` counts the populated low ones.
  /// Follows `set_recommended_min_free_kbytes` in mm/khugepaged.c, Linux 6.1.
  public static func recommendedPages(zones: Int, lowMemoryPages: Int, policy: PageAllocatorPolicy) -> Int {
    min((2 + 9) * zones << policy.pageblockOrder, lowMemoryPages / 20)
  }

  /// The largest integer whose square is not above `value`.
  private static func squareRoot(_ value: Int) -> Int {
    var root = 0
    var bit = 1 << 30
    while bit > 0 {
      if (root + bit) * (root + bit) <= value { root += bit }
      bit >>= 1
    }
    return root
  }
}
