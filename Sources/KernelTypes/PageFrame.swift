/// The number of a physical page: its address divided by the page size.
@frozen
public struct PageFrame: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  public var rawValue: UInt64

  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  @inlinable
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// The head of the block that forms the next larger block together with this one.
  /// Follows `__find_buddy_pfn` in mm/internal.h, Linux 6.1.
  @inlinable
  public func buddy(order: Int) -> PageFrame { PageFrame(rawValue ^ Order.pages(order)) }

  /// The head of the block of `order + 1` that holds this block of `order`.
  @inlinable
  public func parent(order: Int) -> PageFrame { PageFrame(rawValue & ~Order.pages(order)) }

  /// Whether a block of `order` can start here.
  @inlinable
  public func isAligned(order: Int) -> Bool { rawValue & (Order.pages(order) - 1) == 0 }

  @inlinable
  public static func < (left: PageFrame, right: PageFrame) -> Bool { left.rawValue < right.rawValue }

  @inlinable
  public static func + (left: PageFrame, right: UInt64) -> PageFrame { PageFrame(left.rawValue + right) }
}
