/// Who took pages from the page allocator, and who still has them.
public struct PageUseFindings: Sendable {
  /// Pages in numbers.
  public struct Pages: Sendable, Equatable {
    /// Blocks taken inside the window.
    public var allocations: UInt64 = 0
    /// Pages of these blocks.
    public var takenPages: UInt64 = 0
    /// Pages taken in the trace and not given back by the window's end.
    public var heldPages: UInt64 = 0

    mutating func add(_ other: Pages) {
      allocations &+= other.allocations
      takenPages &+= other.takenPages
      heldPages &+= other.heldPages
    }
  }

  /// The pages of one task, or of one stack of callers.
  public struct Group: Sendable {
    /// The task; or function names, outermost caller first.
    public var names: [String]
    public var pages: Pages
  }

  /// By pages held, then by pages taken, then by name.
  public var tasks: [Group]
  /// In the same order; empty if page events have no stack traces.
  public var stacks: [Group]
  public var total: Pages
  /// The most pages held at once inside the window.
  public var peakHeldPages: UInt64
  /// Frees of blocks whose allocation was not seen.
  public var freesOfUnseen: UInt64
}
