public import KernelTypes
public import Replay

/// How long objects live, how often their memory turns over, and what was never given back.
public struct LifetimeFindings: Sendable {
  /// What the objects of one call site do.
  public struct Site: Sendable {
    public var key: String
    /// What `key`, a raw address, stands for, if symbols were given.
    public var symbol: String?
    /// Everything allocated inside the window.
    public var total: Amount
    /// The frees inside the window of objects whose allocation was seen.
    public var frees: UInt64
    /// The frees that happened on another CPU than the allocation (`perf kmem` calls it ping-pong).
    public var freesOnOtherCPU: UInt64
    /// What is there at the window's end.
    public var live: Amount
    /// The most bytes it held inside the window.
    public var peakLiveBytes: UInt64
    /// Frees by the object's lifetime, in the ranges of `LifetimeBins`.
    public var freesByLifetime: [UInt64]
    /// The sum of the lifetimes of freed objects, in nanoseconds.
    public var lifetimeSum: UInt64
    /// What was allocated inside the window and is still there, by the slice of the window it was allocated in.
    public var survivors: [Amount]
    /// The age of its oldest live object at the window's end, in nanoseconds; 0 without one.
    public var oldestAge: UInt64

    public var name: String { symbol ?? key }

    /// The mean lifetime of its freed objects in nanoseconds; `nil` if none was freed.
    public var meanLifetime: UInt64? { frees == 0 ? nil : lifetimeSum / frees }
    /// How often its memory was replaced: bytes allocated in total for each byte held at most.
    public var turnover: Double {
      peakLiveBytes == 0 ? 0 : Double(total.allocatedBytes) / Double(peakLiveBytes)
    }
    /// The part of its frees, in percent, that came within a millisecond of the allocation.
    public var transientPercent: Double {
      frees == 0 ? 0 : Double(freesByLifetime[..<4].reduce(0, &+)) / Double(frees) * 100
    }
    /// All survivors together.
    public var kept: Amount { survivors.reduce(Amount(), +) }
    /// The part of what it allocated inside the window, in percent of objects, that is still there.
    public var keptPercent: Double {
      total.objects == 0 ? 0 : Double(kept.objects) / Double(total.objects) * 100
    }
    /// The slices of the window from which something is still there.
    public var slicesWithSurvivors: Int { survivors.count { $0.objects > 0 } }

    /// Whether it looks like a leak: it kept objects from nearly all parts of the window, old ones among them.
    ///
    /// A cache that replaces its objects keeps young ones only, and one that is filled once keeps old ones only; what
    /// grows all the time keeps some of every age.
    public var isLeakSuspect: Bool {
      kept.objects >= LifetimeAnalysis.leastSurvivors && slicesWithSurvivors >= LifetimeAnalysis.leastSlices
        && keptPercent >= LifetimeAnalysis.leastKeptPercent
    }
  }

  /// What is live at one moment.
  public struct Moment: Sendable, TimedMoment {
    /// Nanoseconds since the trace's first event.
    public var atNanoseconds: UInt64
    public var live: Amount
  }

  /// What was allocated through one stack of callers.
  public struct Stack: Sendable {
    /// Function names, outermost caller first.
    public var frames: [String]
    /// Everything allocated inside the window.
    public var total: Amount
    /// What is there at the window's end.
    public var live: Amount
  }

  /// By bytes allocated in total, then by key.
  public var sites: [Site]
  /// Frees by lifetime over all sites.
  public var freesByLifetime: [UInt64]
  /// Bytes given back by lifetime over all sites.
  public var bytesByLifetime: [UInt64]
  public var total: Amount
  public var live: Amount
  public var frees: UInt64
  /// Live objects over the window, at even distances.
  public var timeline: [Moment]
  /// By live bytes, most first; empty if the trace has no stack traces.
  public var stacks: [Stack]
  /// Distinct stacks beyond `LifetimeAnalysis.stackLimit`.
  public var stacksOmitted: Int
  /// The window's length in nanoseconds.
  public var span: UInt64

  /// Sites that look like leaks, those that kept most bytes first.
  public var suspects: [Site] {
    sites.filter(\.isLeakSuspect).sorted {
      ($1.kept.allocatedBytes, $0.key) < ($0.kept.allocatedBytes, $1.key)
    }
  }
}
