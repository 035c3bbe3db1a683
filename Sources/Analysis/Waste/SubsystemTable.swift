/// Which part of the kernel's source tree a function belongs to, by the beginning of its name.
///
/// The kernel's functions are named after their subsystem by custom, not by rule: this is an estimate for those who have no
/// built tree at hand. The longest beginning in the table wins.
enum SubsystemTable {
  /// What functions are called of which the table has no beginning.
  static let unknown = "kernel (subsystem unknown)"

  /// The directory that functions with the beginnings at the right mostly live in.
  private static let beginnings: [(directory: String, names: String)] = [
    ("arch", "arch_ x86_ arm_ arm64_ mce_ apic_ ioapic_ kvm_arch_ pgd_ pud_ pmd_ efi_"),
    ("block", "blk_ bio_ bdev_ blkdev_ disk_ elv_ ioc_ blkg_ __blk_ __bio_ add_disk device_add_disk"),
    ("crypto", "crypto_ __crypto_ alg_ shash_ ahash_ skcipher_"),
    ("drivers/acpi", "acpi_ Acpi"),
    ("drivers/ata", "ata_ sata_ ahci_"),
    ("drivers/base", "device_ dev_ devm_ __devm_ devres_ bus_ driver_ platform_ class_ regmap_ fw_ component_"),
    ("drivers/gpu/drm", "drm_ i915_ amdgpu_ nouveau_ radeon_ ttm_"),
    ("drivers/hid", "hid_"), ("drivers/i2c", "i2c_"), ("drivers/input", "input_ evdev_ mousedev_"),
    ("drivers/iommu", "iommu_ intel_iommu_ amd_iommu_"), ("drivers/md", "md_ dm_ raid5_ bcache_"),
    ("drivers/media", "v4l2_ media_ vb2_ dvb_"), ("drivers/mmc", "mmc_ sdhci_"), ("drivers/mtd", "mtd_ ubi_ nand_"),
    ("drivers/net", "e1000 igb_ ixgbe_ mlx4_ mlx5_ virtnet_ tun_ veth_ bnxt_ r8169_ phy_ mdiobus_"),
    ("drivers/nvme", "nvme_"), ("drivers/pci", "pci_ pcie_ pcim_"), ("drivers/scsi", "scsi_ sd_ sr_ sg_"),
    ("drivers/tty", "tty_ __tty_ serial_ uart_ con_ vc_ vt_ n_tty_ pty_"),
    ("drivers/usb", "usb_ xhci_ ehci_ uhci_ ohci_ hub_"), ("drivers/virtio", "virtio_ vring_ virtqueue_ vp_"),
    ("fs/9p", "v9fs_ p9_"), ("fs/btrfs", "btrfs_ __btrfs_"), ("fs/ceph", "ceph_"), ("fs/cifs", "cifs_ smb2_ smb3_"),
    ("fs/crypto", "fscrypt_"), ("fs/debugfs", "debugfs_"), ("fs/exfat", "exfat_"), ("fs/ext2", "ext2_"),
    ("fs/ext4", "ext4_ __ext4_ mb_"), ("fs/f2fs", "f2fs_"), ("fs/fat", "fat_ vfat_ msdos_"),
    ("fs/fuse", "fuse_"), ("fs/iomap", "iomap_"), ("fs/isofs", "isofs_"), ("fs/jbd2", "jbd2_ __jbd2_"),
    ("fs/kernfs", "kernfs_ __kernfs_"), ("fs/nfs", "nfs_ nfs3_ nfs4_ nfsd_"),
    ("fs/notify", "fsnotify_ inotify_ fanotify_"),
    ("fs/overlayfs", "ovl_"), ("fs/proc", "proc_ pde_ meminfo_ smaps_ __proc_"), ("fs/squashfs", "squashfs_"),
    ("fs/sysfs", "sysfs_"), ("fs/tracefs", "tracefs_ eventfs_"), ("fs/ubifs", "ubifs_"), ("fs/xfs", "xfs_"),
    (
      "fs",
      "alloc_inode new_inode iget d_ __d_ dentry_ getname alloc_pipe_info pipe_ __do_pipe vfs_ do_sys_open do_filp_ "
        + "path_ alloc_empty_file __alloc_file alloc_file alloc_fdtable dup_fd expand_files seq_ single_open "
        + "__seq_ mnt_ alloc_vfsmnt fs_ do_mount load_elf_ bprm_ alloc_bprm exec_ do_execve begin_new_exec aio_ io_submit ep_ "
        + "eventpoll do_epoll eventfd_ timerfd_ signalfd_ fcntl_ locks_ flock_ posix_lock buffer_ alloc_buffer_head "
        + "alloc_page_buffers mpage_ splice_ simple_ sget alloc_super alloc_fs_context legacy_ binfmt_ file_ fput fget inode_ poll_ "
        + "do_poll core_sys_select xattr_ quota_ dquot_ mb_cache_ security_inode_ "
    ),
    ("init", "do_one_initcall kernel_init do_initcall init_post"), ("io_uring", "io_uring_ io_ring_ io_alloc_"),
    ("ipc", "ipc_ shm_ newque newseg newary msg_ load_msg do_msg ksys_msg ksys_shm ksys_sem mqueue_ do_mq_ sem_"),
    ("kernel/bpf", "bpf_ __bpf_ btf_"), ("kernel/cgroup", "cgroup_ css_ cset_ cpuset_"),
    ("kernel/dma", "dma_ swiotlb_"), ("kernel/events", "perf_ uprobe_"),
    ("kernel/irq", "irq_ request_threaded_irq alloc_desc"),
    ("kernel/locking", "rt_mutex_ lockdep_"), ("kernel/module", "module_ load_module layout_and_"),
    ("kernel/power", "pm_ hibernate_ swsusp_"), ("kernel/printk", "printk_ console_ devkmsg_"),
    ("kernel/rcu", "rcu_ srcu_"),
    ("kernel/sched", "sched_ cfs_ rt_sched autogroup_"),
    ("kernel/time", "alarm_ posix_timer hrtimer_ timekeeping_ clocksource_"),
    ("kernel/trace", "trace_ tracing_ ftrace_ kprobe_ register_kprobe event_ ring_buffer_ rb_ __ring_buffer"),
    (
      "kernel",
      "copy_process dup_task_struct dup_mm copy_signal copy_sighand copy_files copy_fs mm_alloc mm_init alloc_task alloc_thread "
        + "prepare_creds prepare_kernel_cred cred_ copy_creds alloc_pid alloc_uid create_user_ns copy_utsname create_nsproxy "
        + "__sigqueue_alloc sigqueue_ send_signal __send_signal do_sigaction kthread_ create_kthread alloc_workqueue workqueue_ "
        + "create_worker apply_wqattrs call_usermodehelper audit_ groups_alloc resource_ __request_region param_ kexec_ seccomp_ "
        + "taskstats_ acct_ futex_ ptrace_ fork_"
    ),
    (
      "lib",
      "kobject_ kvasprintf kasprintf radix_tree_ xa_ xas_ __xa_ idr_ ida_ rhashtable_ bucket_table_ sg_alloc percpu_ assoc_array_ bitmap_ "
        + "textsearch_ strndup_ string_ genradix_ maple_ mas_ mt_ sbitmap_ dynamic_"
    ),
    (
      "mm",
      "vm_area_ anon_vma_ __anon_vma vma_ mmap_ __mmap split_vma __split_vma do_brk shmem_ __shmem mempool_ __vmalloc vmalloc_ alloc_vmap "
        + "__get_vm_area get_vm_area pcpu_ swap_ __swap add_to_swap kmem_cache_create __kmem_cache create_cache kmemleak_ memcg_ mem_cgroup_ "
        + "hugetlb_ khugepaged_ ksm_ page_ __page filemap_ readahead_ page_cache_ __alloc_pages alloc_pages __pte_alloc pte_alloc "
        + "do_anonymous_page do_fault wp_page_copy do_wp_page do_cow_fault __handle_mm_fault handle_mm_fault vmf_ init_mm mpol_ migrate_ "
        + "bdi_ wb_ backing_dev slab_ kmalloc_ memdup_ vmemdup_ zs_ zswap_ mmu_ memory_"
    ),
    ("net/bluetooth", "bt_ hci_ l2cap_"), ("net/bridge", "br_"),
    (
      "net/core",
      "__alloc_skb alloc_skb skb_ __skb netdev_ __netdev napi_ __napi dev_get neigh_ __neigh rtnl_ sk_ __sk sock_wmalloc sock_kmalloc dst_ flow_ net_ "
        + "build_skb __build_skb register_netdev alloc_netdev"
    ),
    ("net/ipv4", "tcp_ __tcp udp_ __udp ip_ __ip inet_ __inet fib_ icmp_ arp_ igmp_ raw_ ipv4_ ping_ ip4_"),
    ("net/ipv6", "ipv6_ ip6_ __ip6 tcp_v6 udpv6_ addrconf_ ndisc_ inet6_ fib6_ icmpv6_ rawv6_"),
    ("net/mac80211", "ieee80211_ mac80211_ sta_info_"), ("net/netfilter", "nf_ __nf nft_ xt_ nfnetlink_ ipt_"),
    ("net/netlink", "netlink_ __netlink genl_ nla_ nlmsg_"), ("net/packet", "packet_ tpacket_"),
    ("net/sched", "qdisc_ tc_ tcf_ pfifo_ fq_ __qdisc"),
    ("net/sunrpc", "rpc_ svc_ xprt_ rpcauth_"), ("net/unix", "unix_"), ("net/wireless", "cfg80211_ nl80211_"),
    ("net/xfrm", "xfrm_"),
    ("net", "sock_alloc sock_ __sock __sys_sendmsg ___sys_sendmsg"),
    ("security/keys", "key_ keyring_ keyctl_ user_preparse"),
    ("security/selinux", "selinux_ avc_ sel_ ebitmap_ policydb_"),
    ("security", "security_ apparmor_ aa_ smack_ tomoyo_ landlock_ lsm_ ima_ integrity_"),
    ("sound", "snd_ soc_ azx_"), ("virt/kvm", "kvm_"),
  ]

  private static let byName: [String: String] = {
    var table: [String: String] = [:]
    for (directory, names) in beginnings {
      for name in names.split(separator: " ") where table[String(name)] == nil { table[String(name)] = directory }
    }
    return table
  }()

  private static let longest = byName.keys.reduce(0) { max($0, $1.utf8.count) }

  /// The directory that a function most likely belongs to; `nil` if its name says nothing.
  static func directory(of function: Substring) -> String? {
    // The compiler's marks are no part of the kernel's name; system calls are wrapped in their architecture's.
    var name = function
    for mark in ["__x64_sys_", "__ia32_sys_", "__arm64_sys_", "__se_sys_", "__do_sys_", "ksys_"]
    where name.hasPrefix(mark) {
      name = name.dropFirst(mark.count)
      break
    }
    for start in [name, name.drop { $0 == "_" }] {
      var length = min(longest, start.utf8.count)
      while length > 1 {
        if let found = byName[String(start.prefix(length))] { return found }
        length -= 1
      }
    }
    return nil
  }
}
