public import MemoryModels

/// What a snapshot says about the state of the traced kernel's allocator at one moment of the trace.
public struct AllocatorStart: Sendable {
  /// SLOB's pages with free units: its lists one after the other, each in list order; `nil` if nothing tells.
  public var slobPages: [SLOBStartPage]?

  public init(slobPages: [SLOBStartPage]? = nil) { self.slobPages = slobPages }

  /// Whether it tells anything.
  public var isEmpty: Bool { slobPages == nil }
}
