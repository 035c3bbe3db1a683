/// What a trace says about itself and the machine it was made on, as far as it is known so far.
public struct TraceContext: Sendable {
  /// The container format.
  public enum Container: String, Sendable, Codable {
    case ftraceText = "ftrace-text"
    case traceCmdReport = "trace-cmd-report"
    case perfScript = "perf-script"
    /// The tool's own container, which `convert` writes.
    case kmr
    case perfetto
    /// A kernel log with the output of `slub_debug=T`.
    case slubDebugLog = "slub-debug-log"

    /// Whether events have all the fields that the kernel gave them, so that what is missing tells its age.
    public var keepsAllFields: Bool { self != .perfetto && self != .slubDebugLog }
  }

  /// The unit of the time stamps.
  public enum Clock: String, Sendable, Codable {
    /// Seconds with a fraction.
    case time
    /// Raw ticks (`counter`, `x86-tsc`): times are ticks, not nanoseconds.
    case ticks
  }

  /// How the bytes were packed.
  public enum Compression: String, Sendable, Codable {
    case none, zstd, gzip
  }

  public var container: Container = .ftraceText
  /// The container that the events were recorded in, if the input was converted from it.
  public var origin: Container?
  public var compression: Compression = .none
  public var clock: Clock = .time
  /// The `tracer:` of the header (`nop`), if there is one.
  public var tracer: String?
  /// The number of online CPUs that the header's `#P:` (or `cpus=`) gives.
  public var headerCPUCount: Int?
  /// The highest CPU number seen in an event plus one.
  public var observedCPUCount = 0
  /// The kernel's release (`6.1.0-18-amd64`) where the container holds it.
  public var kernelRelease: String?
  /// `entries-in-buffer` of the header.
  public var entriesInBuffer: UInt64?
  /// `entries-written` of the header.
  public var entriesWritten: UInt64?
  /// The size of a kernel pointer by the number of digits pointers are printed with, if any was seen.
  public var pointerBytes: Int?
  /// The spelling rules seen, from which the kernel's era follows.
  public var features: EraFeatures = []

  public init() {}

  /// The container whose spellings and fields the events have.
  public var recordedIn: Container { origin ?? container }

  /// The CPU count the models should use: the header's, else the CPUs seen.
  public var cpuCount: Int { headerCPUCount ?? max(observedCPUCount, 1) }
}

/// Spellings that tell which kernels a trace can come from (`include/trace/events/kmem.h` through the years).
public struct EraFeatures: OptionSet, Sendable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `accounted=` in allocations: 6.0 and later.
  public static let accounted = EraFeatures(rawValue: 1 << 0)
  /// `node=` in kmalloc and kmem_cache_alloc: 6.1 and later.
  public static let nodeInKmalloc = EraFeatures(rawValue: 1 << 1)
  /// `kmalloc_node` or `kmem_cache_alloc_node` events: before 6.1.
  public static let nodeEvents = EraFeatures(rawValue: 1 << 2)
  /// `name=` in kmem_cache_free: 5.12 and later.
  public static let nameInFree = EraFeatures(rawValue: 1 << 3)
  /// `name=` in kmem_cache_alloc: 6.18 and later.
  public static let nameInAlloc = EraFeatures(rawValue: 1 << 4)
  /// `pfn=0x…`: 5.14 and later.
  public static let hexadecimalFrames = EraFeatures(rawValue: 1 << 5)
  /// `pfn=` in decimal: before 5.14.
  public static let decimalFrames = EraFeatures(rawValue: 1 << 6)
  /// `call_site=` as symbol+offset: 5.4 and later.
  public static let symbolicCallSites = EraFeatures(rawValue: 1 << 7)
  /// `call_site=` as a raw address.
  public static let rawCallSites = EraFeatures(rawValue: 1 << 8)
  /// gfp modifiers without leading underscores (`GFP_ZERO`): before 4.6.
  public static let plainModifierNames = EraFeatures(rawValue: 1 << 9)
  /// gfp modifiers with underscores (`__GFP_ZERO`): 4.6 and later.
  public static let underscoreModifierNames = EraFeatures(rawValue: 1 << 10)
  /// `cold=` in mm_page_free_batched: before 4.15.
  public static let coldBatchedFrees = EraFeatures(rawValue: 1 << 11)
  /// `mm_page_free_direct` events: before 3.3.
  public static let directPageFrees = EraFeatures(rawValue: 1 << 12)
  /// Five flag columns: 5.17 and later.
  public static let fiveFlagColumns = EraFeatures(rawValue: 1 << 13)
}
