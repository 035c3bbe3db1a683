/// Everything about a kernel and its machine that the models depend on: numbers and policies, never version tests.
///
/// Read from the trace and its snapshots where they tell, from options where they don't, and shown in every report.
public struct KernelProfile: Sendable, Hashable, Codable {
  public var kernel: KernelVersion
  public var architecture: Architecture
  /// Bytes in a page.
  public var pageSize: Int
  /// The number of CPUs that allocators size themselves for.
  public var cpuCount: Int
  /// The memory node of each CPU; empty where there is one node.
  public var nodeOfCPU: [Int] = []
  /// Bytes in a cache line.
  public var cacheLineBytes: Int
  public var kmalloc: KmallocPolicy
  public var slub: SLUBPolicy
  public var slab: SLABPolicy
  public var slob: SLOBPolicy
  public var pageAllocator: PageAllocatorPolicy
  /// What `/proc/sys/vm` says; change it by `use`, so that the policies follow.
  public private(set) var virtualMemory: VirtualMemorySettings

  /// The defaults of a kernel version on an architecture.
  public init(
    kernel: KernelVersion = KernelVersion(6, 1), architecture: Architecture = .x86_64, pageSize: Int = 4096,
    cpuCount: Int = 1
  ) {
    self.kernel = kernel
    self.architecture = architecture
    self.pageSize = pageSize
    self.cpuCount = max(cpuCount, 1)
    cacheLineBytes = 64
    kmalloc = KmallocPolicy(kernel: kernel, architecture: architecture, pageSize: pageSize)
    slub = SLUBPolicy(kernel: kernel)
    slab = SLABPolicy(kernel: kernel, architecture: architecture)
    slob = SLOBPolicy(kernel: kernel, architecture: architecture, pageSize: pageSize)
    pageAllocator = PageAllocatorPolicy(kernel: kernel, architecture: architecture, pageSize: pageSize)
    virtualMemory = VirtualMemorySettings(kernel: kernel)
  }

  /// The number of memory nodes with CPUs.
  public var nodeCount: Int { (nodeOfCPU.indices.map { node(ofCPU: $0) }.max() ?? 0) + 1 }

  /// The memory node of a CPU.
  public func node(ofCPU cpu: Int) -> Int {
    nodeOfCPU.indices.contains(cpu) ? min(max(nodeOfCPU[cpu], 0), Self.nodeLimit - 1) : 0
  }

  // No kernel has more (`MAX_NUMNODES`).
  private static let nodeLimit = 1024

  /// Takes over the settings of `/proc/sys/vm`, and what in the policies follows from them.
  public mutating func use(_ settings: VirtualMemorySettings) {
    virtualMemory = settings
    pageAllocator.watermarkScaleFactor = settings.watermarkScaleFactor
    pageAllocator.watermarkBoostFactor = settings.watermarkBoostFactor
  }
}

// Settings are written only where they differ from the kernel's defaults, so that profiles stay short.
extension KernelProfile {
  private enum CodingKeys: CodingKey {
    case kernel, architecture, pageSize, cpuCount, cacheLineBytes, kmalloc, slub, slab, slob, pageAllocator
    case virtualMemory, nodeOfCPU
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    kernel = try container.decode(KernelVersion.self, forKey: .kernel)
    architecture = try container.decode(Architecture.self, forKey: .architecture)
    pageSize = try container.decode(Int.self, forKey: .pageSize)
    cpuCount = try container.decode(Int.self, forKey: .cpuCount)
    cacheLineBytes = try container.decode(Int.self, forKey: .cacheLineBytes)
    kmalloc = try container.decode(KmallocPolicy.self, forKey: .kmalloc)
    slub = try container.decode(SLUBPolicy.self, forKey: .slub)
    slab = try container.decode(SLABPolicy.self, forKey: .slab)
    slob = try container.decode(SLOBPolicy.self, forKey: .slob)
    pageAllocator = try container.decode(PageAllocatorPolicy.self, forKey: .pageAllocator)
    nodeOfCPU = try container.decodeIfPresent([Int].self, forKey: .nodeOfCPU) ?? []
    let settings = try container.decodeIfPresent(VirtualMemorySettings.self, forKey: .virtualMemory)
    virtualMemory = settings ?? VirtualMemorySettings(kernel: kernel)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(kernel, forKey: .kernel)
    try container.encode(architecture, forKey: .architecture)
    try container.encode(pageSize, forKey: .pageSize)
    try container.encode(cpuCount, forKey: .cpuCount)
    try container.encode(cacheLineBytes, forKey: .cacheLineBytes)
    try container.encode(kmalloc, forKey: .kmalloc)
    try container.encode(slub, forKey: .slub)
    try container.encode(slab, forKey: .slab)
    try container.encode(slob, forKey: .slob)
    try container.encode(pageAllocator, forKey: .pageAllocator)
    if !nodeOfCPU.isEmpty { try container.encode(nodeOfCPU, forKey: .nodeOfCPU) }
    if virtualMemory != VirtualMemorySettings(kernel: kernel) {
      try container.encode(virtualMemory, forKey: .virtualMemory)
    }
  }
}
