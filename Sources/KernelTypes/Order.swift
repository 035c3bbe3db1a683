/// The size of a block of pages as a power of two: a block of order `n` holds 2ⁿ page frames.
///
/// Orders are plain `Int`s in this project; this type only names the arithmetic on them.
public enum Order {
  /// The smallest order whose block holds `bytes`. Follows `get_order` in include/asm-generic/getorder.h, Linux 6.1.
  @inlinable
  public static func holding(bytes: UInt64, pageSize: UInt64) -> Int {
    if bytes <= pageSize { return 0 }
    let pages = (bytes - 1) / pageSize
    return UInt64.bitWidth - pages.leadingZeroBitCount
  }

  /// The number of pages in a block of `order`.
  @inlinable
  public static func pages(_ order: Int) -> UInt64 { 1 << UInt64(truncatingIfNeeded: order) }
}
