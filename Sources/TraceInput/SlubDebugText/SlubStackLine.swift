/// A line of the stack trace that `dump_stack` prints.
///
/// The forms of 2.6 to 6.12: ` kmalloc_trace+0x33/0x42`, ` [<ffffffff8104dd2f>] dump_stack+0x1/0x2`,
/// `[<c0014294>] (unwind_backtrace+0x0/0xf0) from [<c0011fc4>] (show_stack+0x10/0x14)`,
/// ` unwind_backtrace from show_stack+0x10/0x14`. ` ? name+…` is a guess of the unwinder and no frame.
enum SlubStackLine {
  case frame(start: Bytes, end: Bytes)
  case guess
  case none

  init(_ line: Bytes, _ end: Bytes) {
    var cursor = line.skippingSpaces(before: end)
    self = .none
    if cursor < end, cursor.pointee == UInt8(ascii: "["), let close = Self.address(cursor, end) {
      cursor = close.skippingSpaces(before: end)
      if cursor < end, cursor.pointee == UInt8(ascii: "(") { cursor += 1 }
    } else if cursor == line {
      // Without an address a frame is indented.
      return
    }
    if end - cursor > 2, cursor.pointee == UInt8(ascii: "?"), cursor[1] == UInt8(ascii: " ") {
      self = .guess
      return
    }
    let start = cursor
    cursor = start.space(before: end)
    if let from = Self.frameBehindFrom(cursor, end) {
      self = .frame(start: from.start, end: from.end)
      return
    }
    if cursor > start, cursor[-1] == UInt8(ascii: ")") { cursor -= 1 }
    guard Self.hasOffset(start, cursor) else { return }
    // A module's name belongs to the symbol.
    if end - cursor > 2, cursor.load2() == word2(" ["), end[-1] == UInt8(ascii: "]") { cursor = end }
    self = .frame(start: start, end: cursor)
  }

  /// ARM's lines name callee and caller: ` from dump_stack+0x10/0x14`, ` from [<c0014294>] (dump_stack+0x10/0x14)`. The
  /// caller is the frame, for that of the last line stands in no other.
  private static func frameBehindFrom(_ space: Bytes, _ end: Bytes) -> (start: Bytes, end: Bytes)? {
    let word = Array(" from ".utf8)
    guard EventNames.starts(space, end, with: word) else { return nil }
    var start = space + word.count
    if let close = address(start, end), end - close > 2, close.load2() == word2(" (") { start = close + 2 }
    var stop = start.space(before: end)
    if end - stop > 2, stop.load2() == word2(" [") { stop = end }
    if stop > start, stop[-1] == UInt8(ascii: ")") { stop -= 1 }
    return hasOffset(start, stop) ? (start, stop) : nil
  }

  /// The first byte behind `[<c0014294>]`.
  private static func address(_ bracket: Bytes, _ end: Bytes) -> Bytes? {
    guard end - bracket > 4, bracket[1] == UInt8(ascii: "<") else { return nil }
    let close = bracket.first(UInt8(ascii: "]"), before: end)
    guard close < end, close[-1] == UInt8(ascii: ">") else { return nil }
    return close + 1
  }

  private static func hasOffset(_ start: Bytes, _ end: Bytes) -> Bool {
    var cursor = start
    while end - cursor > 3 {
      if cursor > start, cursor.load2() == word2("+0"), cursor[2] == UInt8(ascii: "x") { return true }
      cursor += 1
    }
    return false
  }

  /// What a function has to do with an allocation it stands in the stack of.
  enum Role {
    /// Part of the allocator, or of printing the stack.
    case allocator
    /// Part of the allocator, called for its caller's caller: `kmemdup` and the like.
    case tracking
    case caller
  }

  private static let internals: Set<String> = [
    "trace", "show_stack", "unwind_backtrace", "dump_backtrace", "dump_stack", "dump_stack_lvl",
    "alloc_debug_processing",
    "free_debug_processing", "free_to_partial_list", "alloc_single_from_partial", "alloc_single_from_new_slab",
    "___slab_alloc", "__slab_alloc", "slab_alloc", "slab_alloc_node", "__slab_alloc_node", "__slab_free", "slab_free",
    "do_slab_free", "kfree", "kmalloc_trace", "kmalloc_node_trace", "__do_kmalloc_node",
  ]
  private static let internalPrefixes = [
    "kmem_cache_alloc", "kmem_cache_free", "__kmem_cache_alloc", "__kmem_cache_free", "__kmalloc",
  ]

  /// The role of the function in a frame such as `__kmalloc_node_track_caller+0x7c/0xa6`.
  static func role(_ start: Bytes, _ end: Bytes) -> Role {
    var stop = start
    // Copies that the compiler made carry a suffix: `.constprop.0`, `.isra.0`.
    while stop < end, stop.pointee != UInt8(ascii: "+"), stop.pointee != UInt8(ascii: ".") { stop += 1 }
    let name = String(decoding: UnsafeBufferPointer(start: start, count: stop - start), as: UTF8.self)
    if name.hasPrefix("__kmalloc"), name.contains("track_caller") { return .tracking }
    if internals.contains(name) || internalPrefixes.contains(where: name.hasPrefix) { return .allocator }
    return .caller
  }
}
