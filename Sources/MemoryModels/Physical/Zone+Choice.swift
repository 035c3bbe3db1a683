public import KernelTypes

extension Zone.Kind {
  /// The highest zone that a request may use among those a kernel has; `nil` for flags that name two zones at once.
  ///
  /// A flag whose zone is not configured stands for Normal. Follows `gfp_zone` and its table in include/linux/gfp.h,
  /// Linux 6.1.
  public static func highest(for flags: GFPFlags, configured: Set<Zone.Kind>) -> Zone.Kind? {
    let named = [GFPFlags.dma, .dma32, .highMemory].filter(flags.contains)
    if named.count > 1 { return nil }
    let kind: Zone.Kind =
      switch named.first {
      case GFPFlags.dma?: .dma
      case GFPFlags.dma32?: .dma32
      case GFPFlags.highMemory?: flags.contains(.movable) ? .movable : .highMemory
      default: .normal
      }
    if kind == .movable { return .movable }
    return configured.contains(kind) ? kind : .normal
  }
}

extension MigrateType {
  /// The type of memory that a request is served from, by its flags alone.
  ///
  /// Follows `gfp_migratetype` in include/linux/gfp.h, Linux 6.1; small machines turn grouping off and have but one.
  public init(flags: GFPFlags, isGrouping: Bool = true) {
    if !isGrouping {
      self = .unmovable
    } else if flags.contains(.movable) {
      self = .movable
    } else {
      self = flags.contains(.reclaimable) ? .reclaimable : .unmovable
    }
  }
}
