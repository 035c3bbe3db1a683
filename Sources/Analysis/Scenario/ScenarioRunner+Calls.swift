import MemoryModels

extension ScenarioRunner {
  /// Runs a statement that is a system call, whose error may be expected.
  func call(_ statement: ScenarioStatement) throws(ScenarioError) {
    let failure = try perform(statement)
    try judge(statement, found: failure?.rawValue)
  }

  /// Compares how a statement ended with what it expects; without an expectation a failure stops the scenario.
  func judge(_ statement: ScenarioStatement, found: String?) throws(ScenarioError) {
    if let expected = statement.expectation {
      let isRight = found.map { $0.split(separator: " ").contains(Substring(expected.text)) } ?? false
      outcome.checks.append(
        ScenarioOutcome.Check(
          line: statement.word.line, text: "\(statement.verb.rawValue) ends with \(expected.text)", isRight: isRight,
          found: found ?? "success"))
    } else if let found {
      throw ScenarioError(
        statement.word,
        "`\(statement.verb.rawValue)` ended with \(found); write `expect \(found.split(separator: " ").last ?? "")` if it should"
      )
    }
  }

  private func range(_ statement: ScenarioStatement, _ region: Region) throws(ScenarioError) -> (UInt64, UInt64) {
    let offset = try statement.options["offset"]?.bytes(pageBytes: policy.pageBytes) ?? 0
    if offset >= region.bytes, let word = statement.options["offset"] {
      throw ScenarioError(word, "\(word.shown) lies behind the region's end")
    }
    let bytes = try statement.options["size"]?.bytes(pageBytes: policy.pageBytes) ?? (region.bytes - offset)
    return (region.start + offset, bytes)
  }

  private func access(_ word: ScenarioWord) throws(ScenarioError) -> AreaFlags {
    switch word.text {
    case "none": return []
    case "r": return .read
    case "rw": return [.read, .write]
    case "rx": return [.read, .execute]
    case "rwx": return .access
    default: throw ScenarioError(word, "\(word.shown) is none of none, r, rw, rx, rwx")
    }
  }

  /// Makes the call; a `CallError` is returned, so that it can't be taken for an error of the scenario.
  private func perform(_ statement: ScenarioStatement) throws(ScenarioError) -> CallError? {
    let process = try process(statement.operands[0])
    let space = try space(process, statement.operands[0])
    let memory = machine()
    switch statement.verb {
    case .map: return try map(statement, process, space)
    case .heap:
      guard let size = statement.options["size"] else { throw ScenarioError(statement.word, "`heap` needs size=") }
      let end = space.heapStart &+ (try size.bytes(pageBytes: policy.pageBytes))
      if memory.setHeapEnd(space, end) != end { return .noMemory }
      process.regions["heap"] = Region(start: space.heapStart, bytes: end - space.heapStart)
      return nil
    case .fork:
      let child = try makeProcess(statement.operands[1])
      let result = attempt { () throws(CallError) in try memory.fork(space, pid: child.pid) }
      if result == nil {
        child.regions = process.regions
      } else {
        processes[child.name] = nil
        order.removeAll { $0 == child.name }
      }
      return result
    case .exec:
      let result = attempt { () throws(CallError) in
        _ = try memory.execute(space, name: statement.operands[1].text)
      }
      if result == nil, let fresh = memory.spaces[process.pid] {
        process.regions = [:]
        try prepare(process, fresh, statement.word)
      }
      return result
    case .limit: return try limit(statement, space)
    default: break
    }
    let region = try region(process, statement.operands[1])
    let (start, bytes) = try range(statement, region)
    switch statement.verb {
    case .unmap:
      return attempt { () throws(CallError) in try memory.unmap(space, start, bytes) }
    case .protect:
      let access = try access(statement.operands[2])
      return attempt { () throws(CallError) in try memory.protect(space, start, bytes, access) }
    case .advise:
      let advice: [String: VirtualMemory.Advice] = [
        "hugepage": .hugePage, "nohugepage": .noHugePage, "dontneed": .dontNeed,
      ]
      guard let chosen = advice[statement.operands[2].text] else {
        throw ScenarioError(
          statement.operands[2], "\(statement.operands[2].shown) is none of hugepage, nohugepage, dontneed")
      }
      return attempt { () throws(CallError) in try memory.advise(space, start, bytes, chosen) }
    case .lock: return attempt { () throws(CallError) in try memory.lock(space, start, bytes) }
    case .unlock: return attempt { () throws(CallError) in try memory.lock(space, start, bytes, isLocked: false) }
    case .swap:
      memory.pageOut(space, start..<start + min(bytes, policy.userEnd - start))
      return nil
    case .remap:
      guard let size = statement.options["size"] else { throw ScenarioError(statement.word, "`remap` needs size=") }
      let new = try size.bytes(pageBytes: policy.pageBytes)
      return attempt { () throws(CallError) in
        let place = try memory.remap(
          space, region.start, region.bytes, new, mayMove: statement.flags["move"] != nil)
        process.regions[statement.operands[1].text] = Region(start: place, bytes: new)
      }
    default: return nil
    }
  }

  private func attempt<Result>(_ body: () throws(CallError) -> Result) -> CallError? {
    do throws(CallError) {
      _ = try body()
      return nil
    } catch {
      return error
    }
  }

  private func map(
    _ statement: ScenarioStatement, _ process: Process, _ space: AddressSpace
  ) throws(ScenarioError) -> CallError? {
    let name = statement.operands[1]
    guard let size = statement.options["size"] else { throw ScenarioError(statement.word, "`map` needs size=") }
    var flags: AreaFlags = [.read, .write]
    for word in ["r", "rw", "rx", "rwx", "none"] {
      if let given = statement.flags[word] { flags = try access(given) }
    }
    let words: [(String, AreaFlags)] = [
      ("shared", .shared), ("locked", .locked), ("noreserve", .noReserve), ("hugetlb", .hugeTLB), ("stack", .growsDown),
    ]
    for (word, flag) in words where statement.flags[word] != nil { flags.insert(flag) }
    var request = MapRequest(bytes: try size.bytes(pageBytes: policy.pageBytes), flags: flags)
    if let file = statement.options["file"] {
      guard let known = files[file.text] else {
        throw ScenarioError(file, "no file \(file.shown); describe it with `file \(file.text) size=…` first")
      }
      request.file = known
    }
    request.offset = try statement.options["offset"]?.bytes(pageBytes: policy.pageBytes) ?? 0
    request.address = try statement.options["at"]?.bytes(pageBytes: policy.pageBytes) ?? 0
    request.isFixed = statement.flags["fixed"] != nil
    request.isPopulated = statement.flags["populate"] != nil
    let result = attempt { () throws(CallError) in
      let start = try machine().map(space, request)
      process.regions[name.text] = Region(start: start, bytes: request.bytes)
    }
    return result
  }

  private func limit(_ statement: ScenarioStatement, _ space: AddressSpace) throws(ScenarioError) -> CallError? {
    for name in statement.options.keys.sorted() {
      guard let word = statement.options[name] else { continue }
      if name == "oom" {
        space.outOfMemoryAdjustment = try word.number(-1000...1000)
        continue
      }
      let bytes = try word.bytes(pageBytes: policy.pageBytes)
      switch name {
      case "stack": space.limits.stackBytes = bytes
      case "address-space": space.limits.addressSpaceBytes = bytes
      case "data": space.limits.dataBytes = bytes
      default: space.limits.lockedBytes = bytes
      }
    }
    return nil
  }

  // MARK: - Accesses

  /// Accesses a byte of each page of a region's part, or every `step` bytes.
  func access(_ statement: ScenarioStatement, isWrite: Bool, isFetch: Bool) throws(ScenarioError) {
    let process = try process(statement.operands[0])
    _ = try space(process, statement.operands[0])
    var address: UInt64
    var end: UInt64
    if let place = statement.options["at"] {
      address = try place.bytes(pageBytes: policy.pageBytes)
      end = address &+ max(try statement.options["size"]?.bytes(pageBytes: policy.pageBytes) ?? 1, 1)
    } else if let depth = statement.options["depth"] {
      // How far below its top a stack is used.
      let region = try region(process, statement.operands[1])
      end = region.start + region.bytes
      address = end &- min(try depth.bytes(pageBytes: policy.pageBytes), end)
      if let size = statement.options["size"] { end = address &+ (try size.bytes(pageBytes: policy.pageBytes)) }
    } else {
      let (start, bytes) = try range(statement, try region(process, statement.operands[1]))
      address = start
      end = start &+ bytes
    }
    if policy.scheme.virtualAddressBits == 32, end > 1 << 32, let word = statement.options["at"] {
      throw ScenarioError(word, "\(word.shown) has more than the 32 bits of \(policy.scheme.name)")
    }
    let step = max(try statement.options["step"]?.bytes(pageBytes: policy.pageBytes) ?? policy.pageBytes, 1)
    let memory = machine()
    var signal: FaultSignal?
    while address < end {
      guard let space = memory.spaces[process.pid] else {
        signal = .killed
        break
      }
      outcome.accesses += 1
      if outcome.accesses > Self.accessLimit {
        throw ScenarioError(
          statement.word, "more than \(Self.accessLimit) accesses; touch less, or with a larger step=")
      }
      for fault in memory.touch(space, address, isWrite: isWrite, isFetch: isFetch) {
        note(fault)
        signal = fault.signal
      }
      if signal != nil { break }
      address &+= step
      if address < step { break }
    }
    if signal != .killed, memory.spaces[process.pid] == nil { signal = .killed }
    if let signal {
      process.signals.append(signal)
      // A process that gets such a signal, and does nothing about it, ends.
      if let space = memory.spaces[process.pid], statement.expectation == nil { self.end(process, space) }
    }
    try judge(statement, found: signal?.rawValue)
  }

  private func note(_ fault: FaultOutcome) {
    outcome.byKind[FaultKind.allCases.firstIndex(of: fault.kind) ?? 0] += 1
    if fault.kind.isError { return }
    if fault.isMajor { outcome.major += 1 } else { outcome.minor += 1 }
  }
}
