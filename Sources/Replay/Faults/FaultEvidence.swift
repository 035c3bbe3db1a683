import KernelTypes

/// What the texts of kmem events tell about faults, worked out once for each text.
struct FaultEvidence {
  /// What an allocation of page frames is for, by its flags.
  enum FrameUse: UInt8 {
    /// A page of a user, or of the page cache.
    case user
    /// The same, filled with zeros by the allocator.
    case zeroedUser
    /// A page-table page.
    case table
    case other
  }

  /// What a call site tells about its task.
  enum Site: UInt8 {
    /// Part of handling a fault.
    case fault
    case copyProcess
    /// fork or a split copies a mapping.
    case copyArea
    /// A new mapping.
    case newArea
    /// fork is done with memory.
    case allocatePID
    /// execve makes the new address space.
    case allocateSpace
    /// execve has dropped the old one.
    case newExecutable
    /// An address space is torn down.
    case exitSpace
    /// Anything else: the task is no longer in its fault.
    case other
  }

  private var uses: [StringID: FrameUse] = [:]
  private var sites: [StringID: Site] = [:]
  private let strings: StringInterner
  private let chargesTables: Bool

  /// `chargesTables` says whether the kernel charges page tables to control groups, with a flag: 4.5 and later.
  init(strings: StringInterner, chargesTables: Bool) {
    self.strings = strings
    self.chargesTables = chargesTables
  }

  mutating func use(_ gfp: StringID, order: UInt8) -> FrameUse {
    if let known = uses[gfp] { return known }
    let flags = GFPFlags(parsing: strings.string(gfp))
    let use: FrameUse
    if flags.isSuperset(of: [.movable, .hardWall]) {
      use = flags.contains(.zero) ? .zeroedUser : .user
    } else if flags.isSuperset(of: [.zero, .inputOutput, .fileSystem, .directReclaim]),
      flags.isDisjoint(with: [.movable, .reclaimable, .compound, .noRetry, .noWarn]),
      flags.contains(.account) || !chargesTables
    {
      // GFP_PGTABLE_USER.
      use = .table
    } else {
      use = .other
    }
    uses[gfp] = use
    return use
  }

  mutating func site(_ callSite: StringID) -> Site {
    if let known = sites[callSite] { return known }
    let text = strings.string(callSite)
    let name = text.prefix { $0 != "+" }
    let site: Site
    switch name {
    case "copy_process", "dup_task_struct", "dup_fd": site = .copyProcess
    case "vm_area_dup": site = .copyArea
    case "vm_area_alloc": site = .newArea
    case "alloc_pid": site = .allocatePID
    case "mm_alloc": site = .allocateSpace
    case "begin_new_exec", "exec_mmap", "flush_old_exec": site = .newExecutable
    case "exit_mmap": site = .exitSpace
    case "anon_vma_alloc", "__anon_vma_prepare", "anon_vma_prepare", "anon_vma_clone", "mas_alloc_nodes", "mas_destroy",
      "rcu_core", "rcu_do_batch", "ptlock_alloc", "xas_alloc", "radix_tree_node_alloc", "anon_vma_fork":
      site = .fault
    default:
      // Raw addresses tell nothing.
      site = text.hasPrefix("0x") || text.allSatisfy(\.isHexDigit) ? .fault : .other
    }
    sites[callSite] = site
    return site
  }
}
