public import KernelTypes
public import MemoryModels
public import ProcSnapshots

/// What `layout` answers: the kernel's address space, its image, its vmalloc space, and where requests would be served.
public struct LayoutFindings: Sendable {
  /// A request, and where its memory would come from.
  public struct Allocation: Sendable {
    public var route: AllocationRoute
    /// Whether a block of the order is free now, by a snapshot; `nil` if nothing tells.
    public var isBlockFree: Bool?
    /// Whether a hole of the vmalloc space holds it; `nil` if nothing tells.
    public var fitsHole: Bool?
  }

  public var layout: KernelLayout
  public var profile: KernelProfile
  public var image: KernelImage?
  public var imageForm: KernelImageFile.Form?
  public var vmalloc: VmallocFindings?
  public var allocations: [Allocation]
  /// Fields of the machine that neither options nor a snapshot told.
  public var assumed: [String]

  public init(
    layout: KernelLayout, profile: KernelProfile, image: KernelImageFile? = nil, snapshot: Snapshot? = nil,
    requests: [UInt64] = [], assumed: [String] = []
  ) {
    self.layout = layout
    self.profile = profile
    self.assumed = assumed
    self.image = image.map { file in
      KernelImage(
        file.sections.map {
          KernelImage.Section(name: $0.name, start: $0.start, size: $0.size, alignment: $0.alignment)
        })
    }
    imageForm = image?.form
    let region = layout.region(.vmalloc)
    let range = region.map { $0.first..<($0.last &+ 1) }
    let policy = VmallocPolicy(
      kernel: profile.kernel, architecture: profile.architecture, pageSize: profile.pageSize,
      cpuCount: profile.cpuCount)
    vmalloc = snapshot?.vmallocInfo.map { VmallocFindings($0, range: range, policy: policy) }
    let classes = SizeClasses(policy: profile.kmalloc)
    let zones = snapshot.map { ZoneFragmentation.all($0) } ?? []
    let empty = range.map { VmallocSpace(range: $0, policy: policy) }
    allocations = []
    for bytes in requests {
      let route = AllocationRoute(bytes: bytes, classes: classes, profile: profile)
      var space = vmalloc?.space ?? (vmalloc == nil ? empty : nil)
      let area = space?.allocate(bytes: bytes)
      allocations.append(
        Allocation(
          route: route, isBlockFree: Self.isBlockFree(route, zones),
          fitsHole: space == nil ? nil : area != nil))
    }
  }

  /// Whether the block that `kmalloc` would want is on some list of an ordinary zone.
  private static func isBlockFree(_ route: AllocationRoute, _ zones: [ZoneFragmentation]) -> Bool? {
    guard case .block(let order) = route.contiguous, !zones.isEmpty else { return nil }
    return zones.contains { zone in
      !["HighMem", "Movable"].contains(zone.id.zone) && (zone.ordinary ?? zone.index).suitableBlocks(order: order) > 0
    }
  }
}
