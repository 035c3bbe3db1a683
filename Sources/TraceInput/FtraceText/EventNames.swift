import TraceEvents

/// What the text behind the time stamp of a line announces.
enum LineTopic: Equatable {
  case event(EventKind)
  /// The start of a kernel stack trace; its frames are on the next lines.
  case kernelStack
  /// The start of a stack trace of user space, which is not kept.
  case userStack
  /// Some other event; `LineTopic` doesn't say which.
  case other
}

/// Recognises event names by whole words of eight characters.
enum EventNames {
  /// What `cursor` announces; moves `cursor` to the first character of the arguments unless the topic is `.other`.
  ///
  /// `system:` in front of the name, as perf prints it, is passed over for the systems that have such events.
  @inline(__always)
  static func recognise(_ cursor: inout Bytes, _ end: Bytes) -> LineTopic {
    let found = match(cursor)
    if found.length == 0 { return recogniseRare(&cursor, end) }
    let arguments = cursor + found.length
    // The name may not reach over the line's end; that can only be if the words behind the line complete it.
    if arguments > end { return .other }
    cursor = arguments.skippingSpaces(before: end)
    return .event(found.kind)
  }

  /// The kmem event named at `start` and the length of its name with the colon, or length 0.
  @inline(__always)
  static func match(_ start: Bytes) -> (kind: EventKind, length: Int) {
    let first = start.load8()
    if first == word8("kmem_cac") {
      let second = start.load8(8)
      if second == word8("he_free:") { return (.kmemCacheFree, 16) }
      if second == word8("he_alloc") {
        if start[16] == UInt8(ascii: ":") { return (.kmemCacheAlloc, 17) }
        if start.load4(16) == word4("_nod"), start.load2(20) == word2("e:") { return (.kmemCacheAllocNode, 22) }
      }
      return (.mark, 0)
    }
    if first == word8("mm_page_") { return matchPage(start) }
    if first == word8("kmalloc:") { return (.kmalloc, 8) }
    if start.load4() == word4("kfre"), start.load2(4) == word2("e:") { return (.kfree, 6) }
    if first == word8("kmalloc_"), start.load4(8) == word4("node"), start[12] == UInt8(ascii: ":") {
      return (.kmallocNode, 13)
    }
    if first == word8("rss_stat"), start[8] == UInt8(ascii: ":") { return (.rssStat, 9) }
    if first == word8("page_fau"), start.load4(7) == word4("ult_") { return matchFault(start) }
    return (.mark, 0)
  }

  @inline(__always)
  private static func matchPage(_ start: Bytes) -> (kind: EventKind, length: Int) {
    let second = start.load8(8)
    if UInt32(truncatingIfNeeded: second) == word4("free") {
      if start[12] == UInt8(ascii: ":") { return (.mmPageFree, 13) }
      if second == word8("free_bat"), start.load4(16) == word4("ched"), start[20] == UInt8(ascii: ":") {
        return (.mmPageFreeBatched, 21)
      }
      if second == word8("free_dir"), start.load4(16) == word4("ect:") { return (.mmPageFreeDirect, 20) }
      return (.mark, 0)
    }
    if UInt32(truncatingIfNeeded: second) == word4("allo") {
      if start.load2(12) == word2("c:") { return (.mmPageAlloc, 14) }
      if second == word8("alloc_zo"), start.load8(16) == word8("ne_locke"), start.load2(24) == word2("d:") {
        return (.mmPageAllocZoneLocked, 26)
      }
      if second == word8("alloc_ex"), start.load4(16) == word4("tfra"), start.load2(20) == word2("g:") {
        return (.mmPageAllocExtfrag, 22)
      }
      return (.mark, 0)
    }
    if second == word8("pcpu_dra"), start.load2(16) == word2("in"), start[18] == UInt8(ascii: ":") {
      return (.mmPagePCPUDrain, 19)
    }
    return (.mark, 0)
  }

  @inline(never)
  private static func matchFault(_ start: Bytes) -> (kind: EventKind, length: Int) {
    if start.load4(11) == word4("user"), start[15] == UInt8(ascii: ":") { return (.pageFaultUser, 16) }
    if start.load4(11) == word4("kern"), start.load2(15) == word2("el"), start[17] == UInt8(ascii: ":") {
      return (.pageFaultKernel, 18)
    }
    return (.mark, 0)
  }

  private static let rareTopics: [(name: [UInt8], topic: LineTopic)] = [
    (Array("tracing_mark_write:".utf8), .event(.mark)),
    (Array("print:".utf8), .event(.mark)),
    // Before 3.3 pages freed in batches had this event and no other, as single ones had mm_page_free_direct; the later
    // mm_page_free_batched comes on top of mm_page_free and would be taken for an annotation.
    (Array("mm_pagevec_free:".utf8), .event(.mmPageFreeDirect)),
    (Array("sched_process_fork:".utf8), .event(.schedProcessFork)),
    (Array("sched_process_exec:".utf8), .event(.schedProcessExec)),
    (Array("sched_process_exit:".utf8), .event(.schedProcessExit)),
    (Array("mark_victim:".utf8), .event(.oomMarkVictim)),
    (Array("oom_score_adj_update:".utf8), .event(.oomScoreAdjust)),
    (Array("reclaim_retry_zone:".utf8), .event(.reclaimRetry)),
    (Array("mm_shrink_slab_end:".utf8), .event(.shrinkSlab)),
    (Array("<stack trace>".utf8), .kernelStack),
    (Array("<user stack trace>".utf8), .userStack),
    (Array("kernel_stack:".utf8), .kernelStack),
    (Array("user_stack:".utf8), .userStack),
  ]

  private static let reclaimKinds: [(name: [UInt8], kind: EventKind)] = EventKind.allCases
    .filter { $0.isReclaimEvent && $0.name.hasPrefix("mm_") }.map { (Array(($0.name + ":").utf8), $0) }

  private static let systems = [
    "kmem:", "ftrace:", "exceptions:", "sched:", "syscalls:", "vmscan:", "compaction:", "oom:",
  ].map { Array($0.utf8) }

  @inline(never)
  private static func recogniseRare(_ cursor: inout Bytes, _ end: Bytes) -> LineTopic {
    for system in systems where starts(cursor, end, with: system) {
      cursor += system.count
      let topic = recogniseSystemless(&cursor, end)
      if topic == .other { cursor -= system.count }
      return topic
    }
    return recogniseSystemless(&cursor, end)
  }

  private static func recogniseSystemless(_ cursor: inout Bytes, _ end: Bytes) -> LineTopic {
    let found = match(cursor)
    if found.length > 0, cursor + found.length <= end {
      cursor = (cursor + found.length).skippingSpaces(before: end)
      return .event(found.kind)
    }
    if cursor.load8() == word8("mm_vmsca") || cursor.load8() == word8("mm_compa") {
      for (name, kind) in reclaimKinds where starts(cursor, end, with: name) {
        cursor += name.count
        if cursor < end, cursor.pointee == UInt8(ascii: " ") { cursor += 1 }
        return .event(kind)
      }
      return .other
    }
    if cursor.load4() == word4("sys_") { return SystemCallText.recognise(&cursor, end) }
    for (name, topic) in rareTopics where starts(cursor, end, with: name) {
      cursor += name.count
      // One space belongs to the format; more belong to the text of a mark.
      if cursor < end, cursor.pointee == UInt8(ascii: " ") { cursor += 1 }
      return topic
    }
    return .other
  }

  static func starts(_ cursor: Bytes, _ end: Bytes, with text: [UInt8]) -> Bool {
    guard end - cursor >= text.count else { return false }
    for (index, byte) in text.enumerated() where cursor[index] != byte { return false }
    return true
  }
}
