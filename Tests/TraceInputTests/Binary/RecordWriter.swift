import TestSupport

@testable import TraceInput

/// Builds records of trace events in any byte order and word size, by the fields of a format.
struct RecordWriter {
  var format: EventFormat
  var byteOrder = ByteOrder.little
  private(set) var bytes: [UInt8]

  init(_ format: EventFormat, byteOrder: ByteOrder = .little) {
    self.format = format
    self.byteOrder = byteOrder
    bytes = [UInt8](repeating: 0, count: format.fields.map(\.end).max() ?? 0)
    set("common_type", UInt64(format.id))
  }

  mutating func set(_ name: String, _ value: UInt64) {
    guard let field = format.field(name) else { return }
    bytes.replaceSubrange(field.offset..<field.end, with: Self.number(value, size: field.size, byteOrder))
  }

  /// Appends a text and lets a `__data_loc` field point at it.
  mutating func set(_ name: String, text: String) {
    let content = Array(text.utf8) + [0]
    set(name, UInt64(bytes.count) | UInt64(content.count) << 16)
    append(content)
  }

  mutating func append(_ content: [UInt8]) { bytes += content }

  static func number(_ value: UInt64, size: Int, _ byteOrder: ByteOrder) -> [UInt8] {
    let little = (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    return byteOrder == .little ? little : little.reversed()
  }
}

/// Format texts of several kernels, shortened where they only repeat themselves.
enum FormatTexts {
  static let common = """
      \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
      \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
      \tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
      \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;


    """

  static func text(_ name: String, _ id: Int, _ fields: [String], _ print: String) -> String {
    "name: \(name)\nID: \(id)\nformat:\n" + common + fields.map { "\tfield:\($0)\n" }.joined()
      + "\nprint fmt: \(print)\n"
  }

  static let gfp61 = """
    (REC->gfp_flags) ? __print_flags(REC->gfp_flags, "|", {( unsigned long)((((( gfp_t)(0x400u|0x800u)) | \
    (( gfp_t)0x40u) | (( gfp_t)0x80u)) | (( gfp_t)0x400000u))), "GFP_KERNEL_ACCOUNT"}, {( unsigned long)((( gfp_t)\
    (0x400u|0x800u)) | (( gfp_t)0x40u) | (( gfp_t)0x80u)), "GFP_KERNEL"}, {( unsigned long)(( gfp_t)0x100u), \
    "__GFP_ZERO"}, {( unsigned long)(( gfp_t)0x2000u), "__GFP_NOWARN"} ) : "none"
    """

  /// 6.1, 64 bits, with memory control groups.
  static let kmalloc61 = text(
    "kmalloc", 226,
    [
      "unsigned long call_site;\toffset:8;\tsize:8;\tsigned:0;", "const void * ptr;\toffset:16;\tsize:8;\tsigned:0;",
      "size_t bytes_req;\toffset:24;\tsize:8;\tsigned:0;", "size_t bytes_alloc;\toffset:32;\tsize:8;\tsigned:0;",
      "unsigned long gfp_flags;\toffset:40;\tsize:8;\tsigned:0;", "int node;\toffset:48;\tsize:4;\tsigned:1;",
    ],
    "\"call_site=%pS ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s node=%d accounted=%s\", "
      + "(void *)REC->call_site, REC->ptr, REC->bytes_req, REC->bytes_alloc, " + gfp61
      + ", REC->node, (1 && (REC->gfp_flags & ( unsigned long)(( gfp_t)0x400000u))) ? \"true\" : \"false\"")

  /// 3.6, 32 bits.
  static let kmalloc36 = text(
    "kmalloc", 340,
    [
      "unsigned long call_site;\toffset:8;\tsize:4;\tsigned:0;", "const void * ptr;\toffset:12;\tsize:4;\tsigned:0;",
      "size_t bytes_req;\toffset:16;\tsize:4;\tsigned:0;", "size_t bytes_alloc;\toffset:20;\tsize:4;\tsigned:0;",
      "gfp_t gfp_flags;\toffset:24;\tsize:4;\tsigned:0;",
    ],
    "\"call_site=%lx ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s\", REC->call_site, REC->ptr, REC->bytes_req, "
      + "REC->bytes_alloc, (REC->gfp_flags) ? __print_flags(REC->gfp_flags, \"|\", {(unsigned long)((( gfp_t)0x10u) | "
      + "(( gfp_t)0x40u) | (( gfp_t)0x80u)), \"GFP_KERNEL\"}, {(unsigned long)(( gfp_t)0x8000u), \"GFP_ZERO\"} ) "
      + ": \"GFP_NOWAIT\"")

  static let kmemCacheFree61 = text(
    "kmem_cache_free", 224,
    [
      "unsigned long call_site;\toffset:8;\tsize:8;\tsigned:0;", "const void * ptr;\toffset:16;\tsize:8;\tsigned:0;",
      "__data_loc char[] name;\toffset:24;\tsize:4;\tsigned:1;",
    ], "\"call_site=%pS ptr=%p name=%s\", (void *)REC->call_site, REC->ptr, __get_str(name)")

  static let pageAlloc61 = text(
    "mm_page_alloc", 221,
    [
      "unsigned long pfn;\toffset:8;\tsize:8;\tsigned:0;", "unsigned int order;\toffset:16;\tsize:4;\tsigned:0;",
      "unsigned long gfp_flags;\toffset:24;\tsize:8;\tsigned:0;", "int migratetype;\toffset:32;\tsize:4;\tsigned:1;",
    ],
    "\"page=%p pfn=0x%lx order=%d migratetype=%d gfp_flags=%s\", REC->pfn != -1UL ? (((struct page *)vmemmap_base) + "
      + "(REC->pfn)) : ((void *)0), REC->pfn != -1UL ? REC->pfn : 0, REC->order, REC->migratetype, " + gfp61)

  /// 3.6 on a 32-bit machine: the page itself is recorded.
  static let zoneLocked36 = text(
    "mm_page_alloc_zone_locked", 335,
    [
      "struct page * page;\toffset:8;\tsize:4;\tsigned:0;", "unsigned int order;\toffset:12;\tsize:4;\tsigned:0;",
      "int migratetype;\toffset:16;\tsize:4;\tsigned:1;",
    ],
    "\"page=%p pfn=%lu order=%u migratetype=%d percpu_refill=%d\", REC->page, ((unsigned long)((REC->page) - mem_map) "
      + "+ (0x0UL)), REC->order, REC->migratetype, REC->order == 0")

  static let extfrag61 = text(
    "mm_page_alloc_extfrag", 218,
    [
      "unsigned long pfn;\toffset:8;\tsize:8;\tsigned:0;", "int alloc_order;\toffset:16;\tsize:4;\tsigned:1;",
      "int fallback_order;\toffset:20;\tsize:4;\tsigned:1;", "int alloc_migratetype;\toffset:24;\tsize:4;\tsigned:1;",
      "int fallback_migratetype;\toffset:28;\tsize:4;\tsigned:1;",
      "int change_ownership;\toffset:32;\tsize:4;\tsigned:1;",
    ],
    "\"page=%p pfn=0x%lx alloc_order=%d fallback_order=%d pageblock_order=%d alloc_migratetype=%d "
      + "fallback_migratetype=%d fragmenting=%d change_ownership=%d\", (((struct page *)vmemmap_base) + (REC->pfn)), "
      + "REC->pfn, REC->alloc_order, REC->fallback_order, (((unsigned int)((21 - 12))) < ((unsigned int)(11 - 1)) ? "
      + "((unsigned int)((21 - 12))) : ((unsigned int)(11 - 1))), REC->alloc_migratetype, REC->fallback_migratetype, "
      + "REC->fallback_order < (((unsigned int)((21 - 12))) < ((unsigned int)(11 - 1)) ? ((unsigned int)((21 - 12))) : "
      + "((unsigned int)(11 - 1))), REC->change_ownership")

  static let rssStat61 = text(
    "rss_stat", 217,
    [
      "unsigned int mm_id;\toffset:8;\tsize:4;\tsigned:0;", "unsigned int curr;\toffset:12;\tsize:4;\tsigned:0;",
      "int member;\toffset:16;\tsize:4;\tsigned:1;", "long size;\toffset:24;\tsize:8;\tsigned:1;",
    ],
    "\"mm_id=%u curr=%d type=%s size=%ldB\", REC->mm_id, REC->curr, __print_symbolic(REC->member, { 0, "
      + "\"MM_FILEPAGES\" }, { 1, \"MM_ANONPAGES\" }, { 2, \"MM_SWAPENTS\" }, { 3, \"MM_SHMEMPAGES\" }), REC->size")

  static let compactionSuitable61 = text(
    "mm_compaction_suitable", 234,
    [
      "int nid;\toffset:8;\tsize:4;\tsigned:1;", "enum zone_type idx;\toffset:12;\tsize:4;\tsigned:0;",
      "int order;\toffset:16;\tsize:4;\tsigned:1;", "int ret;\toffset:20;\tsize:4;\tsigned:1;",
    ],
    "\"node=%d zone=%-8s order=%d ret=%d\", REC->nid, REC->idx, REC->order, REC->ret")

  static let print = text(
    "print", 5, ["unsigned long ip;\toffset:8;\tsize:8;\tsigned:0;", "char buf[];\toffset:16;\tsize:0;\tsigned:1;"],
    "\"%ps: %s\", (void *)REC->ip, REC->buf")

  static let kernelStack = text(
    "kernel_stack", 4,
    ["int size;\toffset:8;\tsize:4;\tsigned:1;", "unsigned long caller[8];\toffset:16;\tsize:64;\tsigned:0;"],
    "\"\\t=> %ps\\n\", (void *)REC->caller[0]")

  static let pageFault61 = text(
    "page_fault_user", 127,
    [
      "unsigned long address;\toffset:8;\tsize:8;\tsigned:0;", "unsigned long ip;\toffset:16;\tsize:8;\tsigned:0;",
      "unsigned long error_code;\toffset:24;\tsize:8;\tsigned:0;",
    ],
    "\"address=%ps ip=%ps error_code=0x%lx\", (void *)REC->address, (void *)REC->ip, REC->error_code")

  static let fork61 = text(
    "sched_process_fork", 270,
    [
      "char parent_comm[16];\toffset:8;\tsize:16;\tsigned:0;", "pid_t parent_pid;\toffset:24;\tsize:4;\tsigned:1;",
      "char child_comm[16];\toffset:28;\tsize:16;\tsigned:0;", "pid_t child_pid;\toffset:44;\tsize:4;\tsigned:1;",
    ],
    "\"comm=%s pid=%d child_comm=%s child_pid=%d\", REC->parent_comm, REC->parent_pid, REC->child_comm, "
      + "REC->child_pid")

  static let enterMmap61 = text(
    "sys_enter_mmap", 101,
    ["int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;"]
      + ["addr", "len", "prot", "flags", "fd", "off"].enumerated().map {
        "unsigned long \($1);\toffset:\(16 + 8 * $0);\tsize:8;\tsigned:0;"
      }, "\"addr: 0x%08lx\", ((unsigned long)(REC->addr))")

  static let exitMmap61 = text(
    "sys_exit_mmap", 100,
    ["int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;", "long ret;\toffset:16;\tsize:8;\tsigned:1;"],
    "\"0x%lx\", REC->ret")
}
