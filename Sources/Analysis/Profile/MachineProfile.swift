public import KernelTypes
public import TraceEvents

/// What is known of the kernel and machine behind a trace: told by the trace, or by the user, or assumed.
public struct MachineProfile: Sendable, Equatable {
  /// What the user said; `nil` leaves it to the trace.
  public struct Overrides: Sendable, Equatable {
    public var kernel: KernelVersion?
    public var architecture: Architecture?
    /// Bytes in a page.
    public var pageSize: UInt64?
    public var cpuCount: Int?
    /// Settings of `/proc/sys/vm`, each as `NAME=VALUE`.
    public var settings: [String]

    public init(
      kernel: KernelVersion? = nil, architecture: Architecture? = nil, pageSize: UInt64? = nil, cpuCount: Int? = nil,
      settings: [String] = []
    ) {
      self.kernel = kernel
      self.architecture = architecture
      self.pageSize = pageSize
      self.cpuCount = cpuCount
      self.settings = settings
    }
  }

  public var era: KernelEra
  public var architecture: Architecture
  /// Bytes in a page.
  public var pageSize: UInt64
  public var cpuCount: Int
  /// The fields that neither the trace nor the user told.
  public var assumed: [String]
  /// What the user said of `/proc/sys/vm`, each as `NAME=VALUE`.
  public var settings: [String] = []

  /// The profile of a trace that was read to its end.
  public init(context: TraceContext, statistics: ImportStatistics, overrides: Overrides = Overrides()) {
    era = overrides.kernel.map { KernelEra($0) } ?? KernelEra(context: context, statistics: statistics)
    // Pointers tell 32 from 64 bits; which architecture of the two, only the user can tell.
    architecture = overrides.architecture ?? (context.pointerBytes == 4 ? .arm : .x86_64)
    pageSize = overrides.pageSize ?? 4096
    cpuCount = overrides.cpuCount ?? context.cpuCount
    assumed = []
    settings = overrides.settings
    if overrides.architecture == nil { assumed.append("architecture") }
    if overrides.pageSize == nil { assumed.append("pageSize") }
    if overrides.cpuCount == nil, context.headerCPUCount == nil { assumed.append("cpus") }
  }

  /// The profile that models run with: of the oldest kernel that the trace can come from, or 6.1 if nothing tells.
  public var kernelProfile: KernelProfile {
    let standard = KernelVersion(6, 1)
    let kernel = era.isContradictory ? standard : era.oldest ?? era.newest ?? standard
    var profile = KernelProfile(
      kernel: kernel, architecture: architecture, pageSize: Int(clamping: pageSize), cpuCount: cpuCount)
    if !settings.isEmpty {
      var changed = profile.virtualMemory
      // The command line was checked before; a value that is none changes nothing.
      for setting in settings { try? changed.set(assignment: setting) }
      profile.use(changed)
    }
    return profile
  }
}
