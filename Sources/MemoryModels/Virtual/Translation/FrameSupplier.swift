public import KernelTypes

/// Where page tables get their frames from.
public protocol FrameSupplier: ~Copyable {
  /// A zeroed block of 2^order frames for a table; `nil` when there is none.
  mutating func takeTableFrames(order: Int) -> PageFrame?
  /// Takes the frames of a table back.
  mutating func returnTableFrames(_ frame: PageFrame, order: Int)
}

extension Machine: FrameSupplier {
  /// Follows GFP_PGTABLE_USER in include/asm-generic/pgalloc.h, Linux 6.1; on CPU 0.
  public mutating func takeTableFrames(order: Int) -> PageFrame? {
    allocate(order: order, migrateType: .unmovable, flags: [.kernel, .zero, .account], cpu: 0)
  }

  public mutating func returnTableFrames(_ frame: PageFrame, order: Int) { free(frame, order: order, cpu: 0) }
}

/// Frames in ascending order, each block aligned to its size; what is returned is not used again.
///
/// For tables of an example, without a machine under them.
public struct FrameSequence: FrameSupplier {
  /// The next frame.
  public private(set) var next: PageFrame
  /// Frames from here on are not there.
  public let end: PageFrame

  public init(from start: PageFrame, end: PageFrame = PageFrame(UInt64.max)) {
    next = start
    self.end = end
  }

  public mutating func takeTableFrames(order: Int) -> PageFrame? {
    let pages = Order.pages(order)
    let start = (next.rawValue + pages - 1) & ~(pages - 1)
    guard start < end.rawValue, end.rawValue - start >= pages else { return nil }
    next = PageFrame(start + pages)
    return PageFrame(start)
  }

  public mutating func returnTableFrames(_ frame: PageFrame, order: Int) {}
}
