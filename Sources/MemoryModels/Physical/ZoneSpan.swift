public import KernelTypes

/// A kind of zone, its node, and the page frames it may have.
public struct ZoneSpan: Hashable, Sendable {
  public var kind: Zone.Kind
  public var node: Int
  public var frames: Range<PageFrame>

  public init(kind: Zone.Kind, node: Int = 0, frames: Range<PageFrame>) {
    self.kind = kind
    self.node = node
    self.frames = frames
  }

  /// The zones of a machine whose memory ends before `end`, from the lowest; zones without a frame are left out.
  ///
  /// x86 has DMA below 16 MiB, and DMA32 below 4 GiB or Normal below 896 MiB; ARM has Normal below 760 MiB, without a
  /// `vmalloc=` option; ARM64 has DMA below 4 GiB, without machines that need less. Follows `zone_sizes_init` in
  /// arch/x86/mm/init.c, `adjust_lowmem_bounds` in arch/arm/mm/mmu.c and `zone_sizes_init` in arch/arm64/mm/init.c,
  /// Linux 6.1.
  public static func spans(
    start: PageFrame = PageFrame(0), end: PageFrame, architecture: Architecture, pageSize: Int
  ) -> [ZoneSpan] {
    let megabyte = UInt64(1 << 20) / UInt64(pageSize)
    let limits: [(Zone.Kind, UInt64)] =
      switch architecture {
      case .x86_64: [(.dma, 16 * megabyte), (.dma32, 4096 * megabyte), (.normal, .max)]
      case .x86: [(.dma, 16 * megabyte), (.normal, 896 * megabyte), (.highMemory, .max)]
      case .arm64: [(.dma, 4096 * megabyte), (.normal, .max)]
      case .arm: [(.normal, start.rawValue + 760 * megabyte), (.highMemory, .max)]
      }
    var spans: [ZoneSpan] = []
    // Frame 0 is never given to a zone of x86.
    let isX86 = architecture == .x86_64 || architecture == .x86
    var lower = isX86 ? max(start, PageFrame(1)) : start
    for (kind, limit) in limits {
      let upper = min(PageFrame(limit), end)
      if upper > lower {
        spans.append(ZoneSpan(kind: kind, frames: lower..<upper))
        lower = upper
      }
    }
    return spans
  }
}
