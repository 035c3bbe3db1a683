import KernelTypes
import TraceEvents

// Lines whose beginning and end were met before and whose middle has the usual spelling. Anything else is left to the
// general path, and whatever this path accepts, the general path reads the same: the tests hold the two equal.
extension FtraceTextParser {
  private static var longestLine: Int { 512 }

  /// Reads a line of a known shape; `false`, with nothing changed, if it isn't one.
  @inline(__always)
  mutating func parseFast(_ line: Bytes, _ lineEnd: Bytes, into batch: inout EventBatch) -> Bool {
    let layout = fastPath.layout
    let length = lineEnd - line
    guard layout.isKnown, !stack.isOpen, length > layout.point &+ 16, length < Self.longestLine,
      lineEnd[-1] != UInt8(ascii: "\r"), findTask(line, layout)
    else { return false }
    guard line[layout.point] == UInt8(ascii: "."), line.load2(layout.point &+ 7) == word2(": "),
      let fraction = Numbers.decimal6(line + (layout.point &+ 1)), readCPU(line + (layout.bracket &+ 1)),
      readFlags(line, layout), readSeconds(line, layout)
    else { return false }
    let time = fastPath.lastSeconds &+ fraction &* 1000
    var cursor = (line + (layout.point &+ 9)).skippingSpaces(before: lineEnd)
    var name = EventNames.match(cursor)
    if name.length == 0 {
      // perf prints the system too.
      guard cursor.load4() == word4("kmem"), cursor[4] == UInt8(ascii: ":") else { return false }
      name = EventNames.match(cursor + 5)
      if name.length == 0 { return false }
      cursor += 5
    }
    cursor = (cursor + name.length).skippingSpaces(before: lineEnd)
    switch name.kind {
    case .kmalloc, .kmallocNode, .kfree, .kmemCacheAlloc, .kmemCacheAllocNode, .kmemCacheFree:
      return parseFastObject(name.kind, time, cursor, lineEnd, into: &batch)
    case .mmPageAlloc, .mmPageFree, .mmPageFreeBatched, .mmPageFreeDirect, .mmPageAllocZoneLocked, .mmPagePCPUDrain:
      return parseFastPage(name.kind, time, cursor, lineEnd, into: &batch)
    case .mmPageAllocExtfrag, .rssStat, .mark, .pageFaultUser, .pageFaultKernel, .schedProcessFork, .schedProcessExec,
      .schedProcessExit, .syscallEnter, .syscallExit, .kswapdWake, .kswapdSleep, .kswapdWakeup, .directReclaimBegin,
      .directReclaimEnd, .compactionBegin, .compactionEnd, .compactionSuitable, .compactionIsolateMigrate,
      .compactionIsolateFree, .compactionMigrate, .oomMarkVictim, .oomScoreAdjust, .lruShrinkInactive, .reclaimRetry,
      .compactionFinished, .compactionDefer,
      .kcompactdWakeup, .kcompactdWake, .kcompactdSleep, .shrinkSlab:
      return false
    }
  }

  @inline(__always)
  private mutating func findTask(_ line: Bytes, _ layout: FastPath.Layout) -> Bool {
    let length = layout.bracket &+ 1
    if isTask(fastPath.lastTask, line, length) { return true }
    let slot = FastPath.taskSlot(line, layout.bracket)
    guard isTask(slot, line, length) else { return false }
    fastPath.lastTask = slot
    return true
  }

  @inline(__always)
  private func isTask(_ slot: Int, _ line: Bytes, _ length: Int) -> Bool {
    let key = UnsafePointer(fastPath.taskKeys + slot &* FastPath.taskKeyLimit)
    return fastPath.tasks[slot].keyLength == length && FastPath.isEqual(key, line, length)
  }

  /// Reads `ddd]`.
  @inline(__always)
  private mutating func readCPU(_ start: Bytes) -> Bool {
    let word = start.load4()
    if word == fastPath.lastCPUWord { return true }
    var cursor = start
    var trouble = NumberTrouble.none
    let number = Numbers.decimal(&cursor, start + 3, &trouble)
    guard cursor == start + 3, start[3] == UInt8(ascii: "]") else { return false }
    fastPath.lastCPU = UInt16(truncatingIfNeeded: number)
    fastPath.lastCPUWord = word
    return true
  }

  /// Checks that the flag columns hold flags: a space, then characters that are no spaces, the first no digit.
  @inline(__always)
  private mutating func readFlags(_ line: Bytes, _ layout: FastPath.Layout) -> Bool {
    if layout.flags == 0 { return true }
    let start = line + (layout.bracket &+ 5)
    let word = FastPath.flagsWord(line, layout)
    if word == fastPath.lastFlagsWord { return true }
    let end = start + (layout.flags &+ 1)
    guard start.pointee == UInt8(ascii: " "), !start[1].isDigit, (start + 1).space(before: end) == end else {
      return false
    }
    fastPath.lastFlagsWord = word
    return true
  }

  /// Reads the whole seconds: spaces, at least one, then digits, up to the point.
  @inline(__always)
  private mutating func readSeconds(_ line: Bytes, _ layout: FastPath.Layout) -> Bool {
    let word = FastPath.secondsWord(line, layout)
    return word == fastPath.lastSecondsWord || readNewSeconds(line, layout, word)
  }

  @inline(never)
  private mutating func readNewSeconds(_ line: Bytes, _ layout: FastPath.Layout, _ word: UInt64) -> Bool {
    let point = line + layout.point
    let start = line + layout.time
    var cursor = start.skippingSpaces(before: point)
    guard cursor > start, cursor < point else { return false }
    var trouble = NumberTrouble.none
    let seconds = Numbers.decimal(&cursor, point, &trouble)
    guard cursor == point, trouble == .none else { return false }
    fastPath.lastSeconds = seconds &* 1_000_000_000
    fastPath.lastSecondsWord = word
    return true
  }
}

// The arguments.
extension FtraceTextParser {
  /// Reads `call_site=… ptr=… TAIL`.
  @inline(__always)
  private mutating func parseFastObject(
    _ kind: EventKind, _ time: UInt64, _ arguments: Bytes, _ end: Bytes, into batch: inout EventBatch
  ) -> Bool {
    var cursor = arguments
    if cursor.pointee == UInt8(ascii: "(") {
      cursor = (cursor.first(UInt8(ascii: ")"), before: end) + 1).skippingSpaces(before: end)
    }
    guard cursor.load8() == word8("call_sit"), cursor.load2(8) == word2("e=") else { return false }
    let site = cursor + 10
    let symbolEnd = site.space(before: end)
    var siteEnd = symbolEnd
    if siteEnd.load2() == word2(" [") { siteEnd = siteEnd.first(UInt8(ascii: "]"), before: end) + 1 }
    guard symbolEnd > site, siteEnd.load4() == word4(" ptr"), siteEnd[4] == UInt8(ascii: "=") else { return false }
    cursor = siteEnd + 5
    let hasSign = cursor.load2() == word2("0x")
    if hasSign { cursor += 2 }
    guard let high = Numbers.hex8(cursor), let low = Numbers.hex8(cursor + 8) else { return false }
    let address = high << 32 | low
    cursor += 16
    if hasSign, high == 0 { return false }
    let callSite = strings.intern(site, count: siteEnd - site)
    guard let slot = findTail(kind, cursor, end, callSite) else { return false }
    features.insert(CallSites.isRaw(site, symbolEnd) ? .rawCallSites : .symbolicCallSites)
    context.pointerBytes = 8
    var flags = slot >= 0 ? fastPath.tails.entries[slot].flags : EventFlags(rawValue: 0)
    if high == 0 {
      if low == 0 {
        if kind.isObjectAllocation { flags.insert(.failed) }
      } else if low > FieldParser.largestPlainSmallPointer {
        flags.insert(.hashedPointer)
      }
    }
    write(kind, time, address, callSite, flags, slot, into: &batch)
    return true
  }

  /// Reads `page=… pfn=… TAIL`.
  @inline(__always)
  private mutating func parseFastPage(
    _ kind: EventKind, _ time: UInt64, _ arguments: Bytes, _ end: Bytes, into batch: inout EventBatch
  ) -> Bool {
    var cursor = arguments
    guard cursor.load4() == word4("page"), cursor[4] == UInt8(ascii: "=") else { return false }
    cursor += 5
    guard let page = readPage(&cursor, end), page != 0 || kind != .mmPageAlloc else { return false }
    guard cursor.load4() == word4(" pfn"), cursor[4] == UInt8(ascii: "=") else { return false }
    cursor += 5
    let isHexadecimal = cursor.load2() == word2("0x")
    var trouble = NumberTrouble.none
    var frame: UInt64 = 0
    if isHexadecimal {
      cursor += 2
      frame = Numbers.hex(&cursor, end, &trouble)
    } else {
      frame = Numbers.decimal(&cursor, end, &trouble)
    }
    guard trouble == .none, let slot = findTail(kind, cursor, end, .none) else { return false }
    features.insert(isHexadecimal ? .hexadecimalFrames : .decimalFrames)
    write(
      kind, time, frame, .none, slot >= 0 ? fastPath.tails.entries[slot].flags : EventFlags(rawValue: 0), slot,
      into: &batch)
    return true
  }

  /// Reads a page's address: sixteen digits, or `0x` and any number of them.
  @inline(__always)
  private mutating func readPage(_ cursor: inout Bytes, _ end: Bytes) -> UInt64? {
    if let high = Numbers.hex8(cursor), let low = Numbers.hex8(cursor + 8) {
      cursor += 16
      context.pointerBytes = 8
      return high << 32 | low
    }
    guard cursor.load2() == word2("0x") else { return nil }
    cursor += 2
    var trouble = NumberTrouble.none
    let page = Numbers.hex(&cursor, end, &trouble)
    return trouble == .none ? page : nil
  }

  /// The cache entry for the rest of a line from the space at `cursor` on, −1 if there is no rest, `nil` if the line
  /// must go the general way.
  @inline(__always)
  private mutating func findTail(_ kind: EventKind, _ cursor: Bytes, _ end: Bytes, _ callSite: StringID) -> Int? {
    if cursor == end { return kind == .kfree || kind == .kmemCacheFree || kind == .mmPageFreeBatched ? -1 : nil }
    guard cursor < end, cursor.pointee == UInt8(ascii: " ") else { return nil }
    let tail = cursor + 1
    let length = end - tail
    let slot = TailCache.slot(tail, length, callSite, kind)
    if fastPath.tails.holds(slot, tail, length, kind) { return slot }
    return learnTail(kind, tail, end, slot) ? slot : nil
  }

  /// Reads the end of a line by the general rules and keeps the result; `false` if it can't stand on its own.
  @inline(never)
  private mutating func learnTail(_ kind: EventKind, _ tail: Bytes, _ end: Bytes, _ slot: Int) -> Bool {
    guard end - tail > 0, end - tail <= TailCache.textLimit else { return false }
    var fields = FieldParser(Event(kind: kind), strings: strings, from: tail, to: end)
    let head: FieldSet = kind.isPageEvent ? [.page, .frame] : [.callSite, .pointer]
    guard fields.parseFields(), fields.seen.isDisjoint(with: head), fields.spelling == .unknown,
      fields.seen.union(head).isSuperset(of: FieldSet.required(of: kind))
    else { return false }
    note(fields)
    fastPath.tails.store(slot, tail, end - tail, fields.event)
    return true
  }

  @inline(__always)
  private func write(
    _ kind: EventKind, _ time: UInt64, _ address: UInt64, _ callSite: StringID, _ flags: EventFlags, _ slot: Int,
    into batch: inout EventBatch
  ) {
    let task = fastPath.tasks + fastPath.lastTask
    let row = batch.count
    batch.time[row] = time
    batch.address[row] = address
    batch.position[row] = lineNumber
    batch.callSite[row] = callSite
    batch.comm[row] = task.pointee.comm
    batch.pid[row] = task.pointee.pid
    batch.cpu[row] = fastPath.lastCPU
    batch.kind[row] = kind
    batch.flags[row] = flags.union(task.pointee.flags)
    batch.stack[row] = .none
    if slot >= 0 {
      let tail = fastPath.tails.entries + slot
      batch.requestedBytes[row] = tail.pointee.requestedBytes
      batch.allocatedBytes[row] = tail.pointee.allocatedBytes
      batch.gfp[row] = tail.pointee.gfp
      batch.name[row] = tail.pointee.name
      batch.node[row] = tail.pointee.node
      batch.order[row] = tail.pointee.order
      batch.migrateType[row] = tail.pointee.migrateType
    } else {
      batch.requestedBytes[row] = 0
      batch.allocatedBytes[row] = 0
      batch.gfp[row] = .none
      batch.name[row] = .none
      batch.node[row] = -1
      batch.order[row] = 0
      batch.migrateType[row] = 0
    }
    batch.count = row &+ 1
  }
}
