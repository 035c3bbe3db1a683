public import KernelTypes

/// How many pages the per-CPU lists of a zone hold and move at a time. All in pages.
public struct PerCPULimits: Hashable, Sendable {
  /// Pages moved at a time.
  public var batch: Int
  /// The count at which pages are given back; where it is tuned, the least it may be.
  public var high: Int
  /// The most `high` may be tuned to; the same as `high` where it is not.
  public var highMaximum: Int

  /// What a zone has until its lists are set up: every page freed goes on to the buddy allocator.
  public static let boot = PerCPULimits(batch: 1, high: 0, highMaximum: 0)

  public init(batch: Int, high: Int, highMaximum: Int) {
    self.batch = batch
    self.high = high
    self.highMaximum = highMaximum
  }

  /// The limits for a zone with so many managed pages and such a low watermark, shared by `cpuCount` CPUs.
  ///
  /// `fraction` is `percpu_pagelist_high_fraction`, `oldFraction` `percpu_pagelist_fraction`; 0 leaves the kernel's rule.
  /// Follows `zone_batchsize` and `zone_highsize` in mm/page_alloc.c, Linux 6.1 (3.5 and 6.12 for their policies).
  public init(
    managedPages: Int, lowWatermark: Int, cpuCount: Int, policy: PageAllocatorPolicy, pageSize: Int = 4096,
    fraction: Int = 0, oldFraction: Int = 0
  ) {
    let computed = Self.batch(managedPages: managedPages, policy: policy, pageSize: pageSize)
    batch = max(computed, 1)
    let cpus = max(cpuCount, 1)
    switch policy.perCPUHighRule {
    case .sixBatches:
      high = 6 * computed
      if oldFraction > 0 {
        high = managedPages / oldFraction
        // PAGE_SHIFT × 8.
        batch = min(max(high / 4, 1), pageSize.trailingZeroBitCount * 8)
      }
      highMaximum = high
    case .shareOfLowWatermark:
      high = max((fraction > 0 ? managedPages / fraction : lowWatermark) / cpus, 4 * batch)
      highMaximum = high
    case .tuned:
      high = max((fraction > 0 ? managedPages / fraction : lowWatermark) / cpus, 4 * batch)
      // An eighth of the zone: MIN_PERCPU_PAGELIST_HIGH_FRACTION; a set fraction switches tuning off.
      highMaximum = fraction > 0 ? high : max(managedPages / 8 / cpus, 4 * batch)
    }
  }

  /// One less than a power of two, near a quarter of a thousandth of the zone. Follows `zone_batchsize`, Linux 6.1.
  private static func batch(managedPages: Int, policy: PageAllocatorPolicy, pageSize: Int) -> Int {
    let pages = max(min(managedPages / 1024, policy.perCPUBatchLimitBytes / pageSize) / 4, 1)
    let target = pages + pages / 2
    return 1 << (Int.bitWidth - 1 - target.leadingZeroBitCount) - 1
  }
}
