import TestSupport

/// Makes lines of traces of all eras and layouts, and damages them; the same lines for the same seed.
struct LineGenerator {
  private var random: SeededGenerator
  private var micros: UInt64 = 99_999_000_000

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  static let layoutCount = 10
  private static let comms = [
    "bash", "kworker/u4:0", "Web Content", "jbd2/vda-8", "a[1] b", "<idle>", "<...>", "sixteen-chars-x", "(sd-pam)",
  ]
  private static let symbols = [
    "getname_flags+0x24/0x149", "kvmalloc_node+0x3f/0xc7", "ffffffff81619b36", "c104dd2f", "f+0x1", "deadbeef",
    "ext4_ext_map_blocks+0x108e/0x10ef [ext4]", "a_symbol_with_a_rather_long_name.constprop.0.isra.0+0x1b4f/0x2d80",
  ]
  private static let gfps = [
    "GFP_KERNEL", "GFP_KERNEL|__GFP_ZERO", "GFP_ATOMIC|GFP_ZERO", "none", "__GFP_IO|__GFP_FS|0x400000", "0xcc0",
  ]
  private static let names = ["filp", "names_cache", "task_struct(113:user slice)", "kmalloc-rnd-07-1k", "x"]
  private static let pointers = [
    "ffff888160ea3500", "ffff8881170da140", "00000000abcd1234", "0000000000000000", "0000000000000010", "c147dd20",
    "(null)", "          (null)", "(____ptrval____)", "0xffff88810449f7c0", "(nil)", "0x10af14", "ffff88ZZ60ea3500",
  ]

  private mutating func pick(_ texts: [String]) -> String { texts[Int(random.next() % UInt64(texts.count))] }
  private mutating func number(_ bound: UInt64) -> UInt64 { random.next() % bound }
  // Usually one of the plain pointers, so that lines stay on the fast path.
  private mutating func pointer() -> String { number(4) == 0 ? pick(Self.pointers) : Self.pointers[Int(number(2))] }
  private mutating func symbol() -> String { pick(Self.symbols) }

  private func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }

  private func filled(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }

  /// A line with its line end.
  mutating func next(layout: Int? = nil) -> [UInt8] { Array((line(layout) + "\n").utf8) }

  /// A line that was damaged somewhere.
  mutating func nextDamaged(layout: Int? = nil) -> [UInt8] {
    var bytes = Array(line(layout).utf8)
    for _ in 0...number(2) { damage(&bytes) }
    return bytes + [10]
  }

  private mutating func line(_ layout: Int?) -> String {
    micros += number(1000) == 0 ? 7_000_000 : number(40)
    let layout = layout ?? Int(number(UInt64(Self.layoutCount)))
    let comm = padded(pick(Self.comms), 16)
    let pid = [1, 66, 8242, 4_194_303][Int(number(4))]
    let cpu = "[00\(number(3))]"
    let fraction = String(String(micros % 1_000_000 + 1_000_000).dropFirst())
    let time = padded(String(micros / 1_000_000), 5) + "." + fraction
    let flags = pick([".....", "d..1.", "dNs2.", ".Ns.."])
    switch layout {
    case 0, 1, 2: return "\(comm)-\(filled("\(pid)", 7)) \(cpu) \(flags) \(time): \(event())"
    case 3: return "\(comm)-\(filled("\(pid)", 5)) \(cpu) \(flags.dropLast()) \(time): \(event())"
    case 4: return "\(comm)-\(filled("\(pid)", 7)) (   \(pid % 100)) \(cpu) \(flags) \(time): \(event())"
    case 5: return "\(comm)-\(filled("\(pid)", 7)) \(cpu)  \(time): \(event())"
    case 6: return "\(comm) \(padded("\(pid)", 5)) \(cpu) \(time):      kmem:\(event())"
    case 7: return "\(comm)-\(filled("\(pid)", 7)) \(cpu) \(flags) \(micros): \(event())"
    case 8: return "[   12.345678] \(padded("wl", 8))-\(filled("\(pid)", 7))   1\(flags) \(micros)us : \(event())"
    default: return "\(comm)-\(filled("\(pid)", 7)) \(cpu) \(flags) \(time)123: \(event())"
    }
  }

  private mutating func event() -> String {
    let site = symbol()
    let size = [8, 64, 70, 4096][Int(number(4))]
    let sizes = "bytes_req=\(size) bytes_alloc=\(size) gfp_flags=\(pick(Self.gfps))"
    let page = "page=\(pointer()) pfn=\(number(2) == 0 ? "0x\(String(number(99999), radix: 16))" : "\(number(99999))")"
    let order = number(11)
    switch number(20) {
    case 0: return "kmalloc: call_site=\(site) ptr=\(pointer()) \(sizes)"
    case 1, 2: return "kmalloc: call_site=\(site) ptr=\(pointer()) \(sizes) node=-1 accounted=false"
    case 3: return "kmalloc_node: call_site=\(site) ptr=\(pointer()) \(sizes) node=\(number(3))"
    case 4, 5: return "kmem_cache_alloc: call_site=\(site) ptr=\(pointer()) \(sizes) node=-1 accounted=true"
    case 6: return "kmem_cache_alloc: call_site=\(site) ptr=\(pointer()) name=\(pick(Self.names)) \(sizes) node=0"
    case 7: return "kmem_cache_alloc_node: call_site=\(site) ptr=\(pointer()) \(sizes) node=-1"
    case 8, 9: return "kfree: call_site=\(site) ptr=\(pointer())"
    case 10: return "kmem_cache_free: call_site=\(site) ptr=\(pointer())"
    case 11: return "kmem_cache_free: call_site=\(site) ptr=\(pointer()) name=\(pick(Self.names))"
    case 12: return "mm_page_alloc: \(page) order=\(order) migratetype=\(number(4)) gfp_flags=\(pick(Self.gfps))"
    case 13: return "mm_page_free: \(page) order=\(order)"
    case 14: return "mm_page_free_batched: \(page) order=0 cold=0"
    case 15: return "mm_page_alloc_zone_locked: \(page) order=\(order) migratetype=1 percpu_refill=\(number(2))"
    case 16: return "mm_page_pcpu_drain: \(page) order=\(order) migratetype=1"
    case 17: return "rss_stat: mm_id=\(number(99)) curr=1 type=MM_ANONPAGES size=\(number(99999))B"
    case 18: return "(f+0x24) call_site=\(site) ptr=\(pointer())"
    default: return ["tracing_mark_write: WL t0", "sched_waking: comm=x pid=1", "<stack trace>"][Int(number(3))]
    }
  }

  private mutating func damage(_ bytes: inout [UInt8]) {
    guard bytes.count > 8 else { return }
    let place = Int(number(UInt64(bytes.count)))
    switch number(8) {
    case 0: bytes[place] ^= UInt8(truncatingIfNeeded: 1 << number(8))
    case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
    case 2: bytes.remove(at: place)
    case 3: bytes.insert(Array(" =:[]-0x1a\r\0".utf8)[Int(number(12))], at: place)
    case 4: bytes.removeSubrange(place...)
    case 5: bytes.removeSubrange(..<place)
    case 6: swapWords(&bytes)
    default:
      let count = Int(number(12))
      bytes.insert(contentsOf: bytes[place..<min(place + count, bytes.count)], at: place)
    }
  }

  // Exchanges two words of a line: fields, usually.
  private mutating func swapWords(_ bytes: inout [UInt8]) {
    var words = bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Array.init)
    let (left, right) = (Int(number(UInt64(words.count))), Int(number(UInt64(words.count))))
    words.swapAt(left, right)
    bytes = Array(words.joined(separator: [UInt8(ascii: " ")]))
  }
}
