/// Functions that allocate for whoever called them: as a call site they say nothing about who wanted the memory.
///
/// Most exist in the kernel as inline functions or as small helpers in mm/util.c, lib/ and net/core/skbuff.c.
enum AllocationWrappers {
  private static let names: Set<Substring> = [
    "kmemdup", "kmemdup_noprof", "kmemdup_nul", "kmemdup_array", "kvmemdup", "kstrdup", "kstrdup_noprof",
    "kstrdup_const",
    "kstrndup", "memdup_user", "memdup_user_nul", "vmemdup_user", "strndup_user", "kvmalloc_node",
    "__kvmalloc_node_noprof",
    "kvmalloc_node_noprof", "kvrealloc", "krealloc", "krealloc_noprof", "krealloc_node_align_noprof", "kcalloc",
    "kasprintf",
    "kvasprintf", "kvasprintf_const", "devm_kmalloc", "devm_kmemdup", "devm_kstrdup", "devm_kasprintf",
    "devres_alloc_node",
    "__devres_alloc_node", "alloc_dr", "mempool_kmalloc", "mempool_alloc_slab", "mempool_alloc", "mempool_alloc_noprof",
    "__alloc_skb", "__build_skb", "build_skb", "kmalloc_reserve", "__kmalloc_reserve", "pskb_expand_head",
    "alloc_skb_with_frags",
    "sock_kmalloc", "sock_wmalloc", "sk_prot_alloc", "kmalloc_track_caller", "__kmalloc_track_caller",
    "__kmalloc_node_track_caller",
    "__kmalloc_node_track_caller_noprof", "kmalloc_node_track_caller_noprof", "kmalloc_order", "kmalloc_order_trace",
    "kmalloc_large",
    "kmalloc_large_node", "kmalloc_trace", "kmalloc_node_trace", "__kmalloc", "__kmalloc_node", "__kmalloc_noprof",
    "__kmalloc_node_noprof", "__kmalloc_cache_noprof", "__kmalloc_cache_node_noprof", "__kmalloc_large_noprof",
    "__kmalloc_large_node_noprof", "__do_kmalloc_node", "kmem_cache_alloc", "kmem_cache_alloc_node",
    "kmem_cache_alloc_lru",
    "kmem_cache_alloc_noprof", "kmem_cache_alloc_node_noprof", "kmem_cache_alloc_lru_noprof", "kmem_cache_alloc_trace",
    "kmem_cache_alloc_node_trace", "kmem_cache_alloc_bulk", "kmem_cache_zalloc", "slab_alloc_node", "___slab_alloc",
    "__slab_alloc",
    "__kmem_cache_alloc_node", "__kmem_cache_alloc_lru", "kzalloc", "kmalloc", "xas_alloc", "radix_tree_node_alloc",
    "__vmalloc_node", "__vmalloc_node_range", "__vmalloc_node_range_noprof", "__vmalloc_node_noprof", "vmalloc",
    "vzalloc",
    "alloc_pages_mpol", "alloc_pages_mpol_noprof", "alloc_pages_noprof", "__alloc_pages", "__alloc_pages_noprof",
    "__alloc_frozen_pages_noprof", "alloc_pages", "__folio_alloc", "__folio_alloc_noprof", "folio_alloc",
    "folio_alloc_noprof",
    "vma_alloc_folio", "vma_alloc_folio_noprof", "__get_free_pages", "get_free_pages_noprof", "get_zeroed_page",
    "allocate_slab",
    "new_slab", "trace_event_raw_event_kmem_alloc",
  ]

  /// Whether a call site such as `kmemdup+0x1b/0x40` is one of them.
  static func contains(_ site: String) -> Bool { names.contains(function(of: site)) }

  /// The function of a call site or stack frame, without offset, size, module and the compiler's suffixes.
  static func function(of site: String) -> Substring {
    let name = site.prefix { $0 != "+" && $0 != " " }
    for mark in [".isra.", ".constprop.", ".part.", ".cold"] {
      if let range = name.utf8.firstRange(of: mark) { return name[..<range] }
    }
    return name
  }
}

extension Substring.UTF8View {
  /// Where a text first begins in this one.
  fileprivate func firstRange(of text: String) -> Index? {
    var start = startIndex
    while start != endIndex {
      if self[start...].starts(with: text.utf8) { return start }
      start = index(after: start)
    }
    return nil
  }
}
