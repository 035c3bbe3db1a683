import KernelTypes
import MemoryModels

/// Works out how an allocator lays out a cache that another one's trace shows.
///
/// A trace tells what was asked for and what was handed out. How objects are aligned, and whether they have a constructor
/// or are used under RCU, must be guessed from the two where another allocator's slots are wanted.
struct CacheLayout: Sendable {
  let allocator: TracedAllocator.Kind
  /// Who made the trace; `nil` when its sizes don't tell.
  let traced: TracedAllocator.Kind?
  private let profile: KernelProfile
  // The same with the debugging of the kernel that made the trace.
  private let tracedProfile: KernelProfile
  private var cacheLineBytes: Int { profile.cacheLineBytes }
  private var slob: SLOBPolicy { profile.slob }

  init(
    allocator: TracedAllocator.Kind, traced: TracedAllocator.Kind?, tracedDebugFlags: SLUBDebugFlags,
    profile: KernelProfile
  ) {
    self.allocator = allocator
    self.traced = traced
    self.profile = profile
    var tracedProfile = profile
    tracedProfile.slub.debugFlags = tracedDebugFlags
    self.tracedProfile = tracedProfile
  }

  private var modelsTheTraced: Bool {
    allocator == traced && (allocator != .slub || profile.slub.debugFlags == tracedProfile.slub.debugFlags)
  }

  /// Bytes from one object of a kmalloc class to the next. SLAB aligns its classes to cache lines
  /// (`ARCH_KMALLOC_FLAGS`).
  func kmallocSlot(_ size: Int) -> Int {
    if allocator == .slob { return size }
    if allocator == .slub { return SLUBObjectLayout(kmallocClass: size, profile: profile).slotSize }
    return size.roundedUp(
      to: CacheDescription.cacheLineAlignment(objectSize: size, cacheLineBytes: cacheLineBytes))
  }

  /// A kmalloc class.
  func kmalloc(name: String, size: Int, isReclaimable: Bool) -> CacheDescription {
    let natural = size & (size - 1) == 0 ? size : 8
    let line = CacheDescription.cacheLineAlignment(objectSize: size, cacheLineBytes: cacheLineBytes)
    var cache = CacheDescription(
      name: name, slotSize: kmallocSlot(size), objectSize: size,
      alignment: allocator == .slab ? max(natural, line) : natural, isKmalloc: true, isReclaimable: isReclaimable)
    if allocator == .slub { cache.leftPadding = SLUBObjectLayout(kmallocClass: size, profile: profile).leftPadding }
    return cache
  }

  /// A cache whose requests say that they want `requested` bytes and get `allocated`.
  ///
  /// `alignment` is what the objects' addresses have in common, where that is known.
  func cache(
    name: String, requested: Int, allocated: Int, alignment known: Int?, keepsContents: Bool? = nil,
    isReclaimable: Bool
  ) -> CacheDescription {
    let requested = min(max(requested, 1), allocated)
    let alignment = known.map { max($0, 8) } ?? alignment(requested, allocated)
    let keeps = keepsContents ?? self.keepsContents(name, requested, allocated, alignment)
    var slot = allocated
    var leftPadding = 0
    if allocator == .slub { leftPadding = SLUBObjectLayout.leftPadding(alignment: alignment, profile: profile) }
    if !modelsTheTraced {
      switch allocator {
      case .slub: slot = slub(requested, alignment, keeps, profile)
      case .slab: slot = max(requested, 16).roundedUp(to: alignment)
      case .slob:
        slot = requested.roundedUp(to: slob.unitBytes)
      }
    }
    var cache = CacheDescription(
      name: name, slotSize: slot, objectSize: requested, alignment: alignment, keepsContents: keeps,
      isReclaimable: isReclaimable)
    cache.leftPadding = leftPadding
    return cache
  }

  private func slub(_ objectSize: Int, _ alignment: Int, _ keepsContents: Bool, _ profile: KernelProfile) -> Int {
    SLUBObjectLayout(
      objectSize: objectSize, alignment: alignment, keepsContents: keepsContents, isKmalloc: false, profile: profile
    ).slotSize
  }

  /// Slots of whole cache lines that the object alone doesn't explain are aligned to them.
  private func alignment(_ requested: Int, _ allocated: Int) -> Int {
    if traced == .slob { return 8 }
    if !tracedProfile.slub.debugFlags.isEmpty {
      let candidates = [8, 16, 32, 64].filter { alignment in
        [false, true].contains { slub(requested, alignment, $0, tracedProfile) == allocated }
      }
      return candidates.first ?? 8
    }
    let line = CacheDescription.cacheLineAlignment(objectSize: requested, cacheLineBytes: cacheLineBytes)
    if line > 8, allocated % line == 0, allocated != requested.roundedUp(to: 8) { return line }
    return 8
  }

  // SLAB's sizes don't tell. These have a constructor or are used under RCU in Linux 6.1.
  private static let cachesWithContents: Set<String> = [
    "anon_vma", "bdev_cache", "btrfs_inode", "ceph_inode_info", "cifs_inode_cache", "ext2_inode_cache",
    "ext4_inode_cache", "f2fs_inode_cache", "fat_inode_cache", "fuse_inode", "hugetlbfs_inode_cache", "inode_cache",
    "isofs_inode_cache", "mqueue_inode_cache", "nfs_inode_cache", "ovl_inode", "proc_inode_cache", "radix_tree_node",
    "request_sock_TCP", "request_sock_TCPv6", "rpc_inode_cache", "shmem_inode_cache", "sighand_cache",
    "sock_inode_cache", "squashfs_inode_cache", "TCP", "TCPv6", "tw_sock_TCP", "tw_sock_TCPv6",
    "v9fs_inode_cache", "xfs_inode",
  ]

  /// SLUB and SLOB need more than the object where nothing may be stored in it while it is free.
  private func keepsContents(_ name: String, _ requested: Int, _ allocated: Int, _ alignment: Int) -> Bool {
    switch traced {
    case .slub?:
      if tracedProfile.slub.debugFlags.isEmpty {
        allocated > requested.roundedUp(to: alignment)
      } else {
        slub(requested, alignment, false, tracedProfile) != allocated
          && slub(requested, alignment, true, tracedProfile) == allocated
      }
    case .slob?: allocated - requested.roundedUp(to: slob.unitBytes) == slob.rcuBytes
    case .slab?: Self.cachesWithContents.contains(name)
    case nil: false
    }
  }
}
