public import KernelTypes
public import TraceEvents

/// The range of kernel versions that a trace can come from, by how it spells things.
///
/// Follows the history of include/trace/events/kmem.h; vendors' kernels may take a spelling from a later version.
public struct KernelEra: Sendable, Equatable {
  /// The oldest version it can be, if anything tells.
  public var oldest: KernelVersion?
  /// The newest version it can be, if anything tells.
  public var newest: KernelVersion?

  public init(oldest: KernelVersion? = nil, newest: KernelVersion? = nil) {
    self.oldest = oldest
    self.newest = newest
  }

  /// Exactly one version, because the user said so.
  public init(_ version: KernelVersion) { self.init(oldest: version, newest: version) }

  /// The era of a trace that was read to its end.
  public init(context: TraceContext, statistics: ImportStatistics) {
    if let release = context.kernelRelease, let version = KernelVersion(parsing: release) {
      self.init(version)
      return
    }
    self.init()
    let features = context.features
    for (feature, version) in Self.oldestWith where features.contains(feature) { atLeast(version) }
    for (feature, version) in Self.newestWith where features.contains(feature) { atMost(version) }
    // Only the kernel's own text tells by its call sites: other tools print symbols of their own accord.
    if context.recordedIn == .ftraceText {
      if features.contains(.symbolicCallSites) {
        atLeast(KernelVersion(5, 4))
      } else if features.contains(.rawCallSites) {
        atMost(KernelVersion(5, 3))
      }
    }
    if !context.recordedIn.keepsAllFields { return }
    func seen(_ kind: EventKind) -> Bool { statistics.eventsByKind[Int(kind.rawValue)] > 0 }
    if seen(.kmalloc) || seen(.kmemCacheAlloc), !features.contains(.nodeInKmalloc) { atMost(KernelVersion(6, 0)) }
    if seen(.kmalloc) || seen(.kmemCacheAlloc), !features.contains(.accounted) { atMost(KernelVersion(5, 19)) }
    if seen(.kmemCacheAlloc), !features.contains(.nameInAlloc) { atMost(KernelVersion(6, 17)) }
    if seen(.kmemCacheFree), !features.contains(.nameInFree) { atMost(KernelVersion(5, 11)) }
  }

  private static let oldestWith: [(EraFeatures, KernelVersion)] = [
    (.accounted, KernelVersion(6, 0)), (.nodeInKmalloc, KernelVersion(6, 1)), (.nameInFree, KernelVersion(5, 12)),
    (.nameInAlloc, KernelVersion(6, 18)), (.hexadecimalFrames, KernelVersion(5, 14)),
    (.underscoreModifierNames, KernelVersion(4, 6)), (.fiveFlagColumns, KernelVersion(5, 17)),
  ]

  private static let newestWith: [(EraFeatures, KernelVersion)] = [
    (.nodeEvents, KernelVersion(6, 0)), (.decimalFrames, KernelVersion(5, 13)),
    (.plainModifierNames, KernelVersion(4, 5)), (.coldBatchedFrees, KernelVersion(4, 14)),
    (.directPageFrees, KernelVersion(3, 2)),
  ]

  private mutating func atLeast(_ version: KernelVersion) { oldest = max(oldest ?? version, version) }
  private mutating func atMost(_ version: KernelVersion) { newest = min(newest ?? version, version) }

  /// Whether no one version has all the spellings seen.
  public var isContradictory: Bool {
    if let oldest, let newest { oldest > newest } else { false }
  }

  /// Whether the kernel is certainly `version` or later.
  public func isAtLeast(_ version: KernelVersion) -> Bool {
    if let oldest, !isContradictory { oldest >= version } else { false }
  }

  /// Whether the kernel is certainly older than `version`.
  public func isBefore(_ version: KernelVersion) -> Bool {
    if let newest, !isContradictory { newest < version } else { false }
  }
}

extension KernelEra: CustomStringConvertible {
  /// Such as `6.1 to 6.17`, `6.18 or later`, `unknown`.
  public var description: String {
    switch (oldest, newest) {
    case (nil, nil): "unknown"
    case (let oldest?, nil): "\(oldest) or later"
    case (nil, let newest?): "\(newest) or earlier"
    case (let oldest?, let newest?) where oldest == newest: "\(oldest)"
    case (let oldest?, let newest?) where oldest > newest: "unclear (spellings of \(oldest) and of \(newest))"
    case (let oldest?, let newest?): "\(oldest) to \(newest)"
    }
  }
}
