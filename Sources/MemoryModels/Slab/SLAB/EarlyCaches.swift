/// Caches that exist before the second CPU comes up.
///
/// A node's limit of free objects grows with its CPUs, and is set when a cache is made and, for those there are, just before
/// each further CPU is online: it stays at one CPU fewer than for caches that are made later. Follows `init_cache_node` in
/// mm/slab.c and the order of `start_kernel`, Linux 6.1; checked against the order of slabinfo and a trace of the boot.
enum EarlyCaches {
  static let names: Set<String> = [
    "kmem_cache", "kmem_cache_node", "vmap_area", "pgd_cache", "page->ptl", "debug_objects_cache", "page_ext",
    "radix_tree_node", "maple_node", "task_group", "pool_workqueue", "ftrace_event_field", "trace_event_file",
    "perf_event", "numa_policy", "shared_policy_node", "Acpi-Namespace", "Acpi-State", "Acpi-Parse", "Acpi-ParseExt",
    "Acpi-Operand", "pid", "anon_vma", "anon_vma_chain", "cred_jar", "task_struct", "thread_stack", "sighand_cache",
    "signal_cache", "files_cache", "fs_cache", "mm_struct", "vm_area_struct", "nsproxy", "uts_namespace", "key_jar",
    "lsm_file_cache", "lsm_inode_cache", "avc_node", "selinux_inode_security", "net_namespace", "names_cache", "dentry",
    "inode_cache", "filp", "mnt_cache", "kernfs_node_cache", "kernfs_iattrs_cache", "sysfs_dir_cache",
    "shmem_inode_cache", "bdev_cache", "sigqueue", "seq_file", "proc_inode_cache", "pde_opener", "proc_dir_entry",
    "taskstats", "task_delay_info", "delayacct_cache", "buffer_head", "idr_layer_cache",
  ]

  static func contains(_ cache: CacheDescription) -> Bool { cache.isKmalloc || names.contains(cache.name) }
}
