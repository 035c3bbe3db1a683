import MemoryModels

extension ScenarioRunner {
  /// What can be asserted of a process.
  private static let processKeys = [
    "rss", "anon", "file", "shmem", "swap", "pte", "size", "areas", "minor", "major", "locked", "hugetlb", "alive",
  ]
  private static let regionKeys = ["rss", "anon", "swap", "huge", "shared", "size"]
  private static let machineKeys = [
    "free", "committed", "commit-limit", "tables", "swap-used", "swapped-in", "swapped-out", "kills", "huge-faults",
    "huge-fallbacks", "pool-free", "pool-reserved", "accesses", "tlb-hits", "tlb-misses", "walk-reads", "page-flushes",
    "space-flushes", "full-flushes",
  ]

  /// Checks `assert [PROCESS [REGION]] KEY OPERATOR VALUE`.
  func assert(_ statement: ScenarioStatement) throws(ScenarioError) {
    let words = statement.assertion
    guard words.count >= 3, words.count <= 5 else {
      throw ScenarioError(
        words.last ?? statement.word,
        "expected `assert [PROCESS [REGION]] KEY OPERATOR VALUE`, such as `assert a rss = 16M`")
    }
    let key = words[words.count - 3]
    let sign = words[words.count - 2]
    let value = words[words.count - 1]
    let (found, isBytes) = try figure(key, Array(words.dropLast(3)))
    let expected = Int(clamping: try value.bytes(pageBytes: policy.pageBytes))
    let isRight: Bool
    switch sign.text {
    case "=": isRight = found == expected
    case "!=": isRight = found != expected
    case "<": isRight = found < expected
    case "<=": isRight = found <= expected
    case ">": isRight = found > expected
    case ">=": isRight = found >= expected
    default: throw ScenarioError(sign, "\(sign.shown) is none of =, !=, <, <=, >, >=")
    }
    let shown = isBytes ? "\(found / 1024)K" : "\(found)"
    outcome.checks.append(
      ScenarioOutcome.Check(
        line: statement.word.line, text: words.map(\.text).joined(separator: " "), isRight: isRight, found: shown))
  }

  /// A figure by its name, and whether it is a number of bytes.
  private func figure(_ key: ScenarioWord, _ subject: [ScenarioWord]) throws(ScenarioError) -> (Int, isBytes: Bool) {
    let bytes = Int(policy.pageBytes)
    let memory = machine()
    if subject.isEmpty {
      switch key.text {
      case "free": return (memory.supply.freePages * bytes, true)
      case "committed": return (memory.committedPages * bytes, true)
      case "commit-limit": return (memory.commitLimit * bytes, true)
      case "tables": return (memory.tablePages * bytes, true)
      case "swap-used": return ((memory.swapPages - memory.freeSwapPages) * bytes, true)
      case "swapped-in": return (memory.counters.swappedIn, false)
      case "swapped-out": return (memory.counters.swappedOut, false)
      case "kills": return (memory.kills.count, false)
      case "huge-faults": return (memory.counters.hugeFaults, false)
      case "huge-fallbacks": return (memory.counters.hugeFallbacks, false)
      case "pool-free": return (memory.hugePoolPages.free, false)
      case "pool-reserved": return (memory.hugePoolPages.reserved, false)
      case "accesses": return (Int(outcome.accesses - accessMark), false)
      case "tlb-hits": return (tlb { $0.firstLevelHits + $0.secondLevelHits }, false)
      case "tlb-misses": return (tlb { $0.misses }, false)
      case "walk-reads": return (tlb { $0.walkReferences }, false)
      case "page-flushes": return (tlb { $0.pageFlushes }, false)
      case "space-flushes": return (tlb { $0.contextFlushes }, false)
      case "full-flushes": return (tlb { $0.fullFlushes }, false)
      default: throw unknown(key, Self.machineKeys)
      }
    }
    let process = try process(subject[0])
    if key.text == "alive", subject.count == 1 { return (memory.spaces[process.pid] == nil ? 0 : 1, false) }
    let space = try space(process, subject[0])
    if subject.count == 2 { return try regionFigure(key, try region(process, subject[1]), space) }
    switch key.text {
    case "rss": return (space.residentPages * bytes, true)
    case "anon": return (space[.anonymous] * bytes, true)
    case "file": return (space[.file] * bytes, true)
    case "shmem": return (space[.sharedMemory] * bytes, true)
    case "swap": return (space[.swap] * bytes, true)
    case "pte": return (Int(space.pageTableBytes), true)
    case "size": return (space.mappedPages * bytes, true)
    case "areas": return (space.areas.count, false)
    case "minor": return (space.minorFaults - process.minorMark, false)
    case "major": return (space.majorFaults - process.majorMark, false)
    case "locked": return (space.lockedPages * bytes, true)
    case "hugetlb": return (Int(space.hugeTLBBytes), true)
    default: throw unknown(key, Self.processKeys)
    }
  }

  /// A count of the look-aside buffers since the last `mark`.
  private func tlb(_ count: (TLBCounters) -> UInt64) -> Int {
    Int(count(machine().processors?.counters ?? TLBCounters()) - count(tlbMark))
  }

  private func regionFigure(
    _ key: ScenarioWord, _ region: Region, _ space: AddressSpace
  ) throws(ScenarioError) -> (Int, isBytes: Bool) {
    let end = region.start + region.bytes
    let usage = machine().usage(of: space).filter { $0.area.start < end && $0.area.end > region.start }
    let bytes = Int(policy.pageBytes)
    switch key.text {
    case "rss": return (usage.reduce(0) { $0 + $1.resident } * bytes, true)
    case "anon": return (usage.reduce(0) { $0 + $1.anonymous } * bytes, true)
    case "swap": return (usage.reduce(0) { $0 + $1.swapped } * bytes, true)
    case "huge": return (usage.reduce(0) { $0 + $1.huge } * bytes, true)
    case "shared": return (usage.reduce(0) { $0 + $1.shared } * bytes, true)
    case "size": return (Int(usage.reduce(0) { $0 + $1.area.bytes }), true)
    default: throw unknown(key, Self.regionKeys)
    }
  }

  private func unknown(_ key: ScenarioWord, _ known: [String]) -> ScenarioError {
    ScenarioError(key, "unknown figure \(key.shown); there are \(known.joined(separator: ", "))")
  }
}
