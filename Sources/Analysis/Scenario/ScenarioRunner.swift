import KernelTypes
import MemoryModels

/// Runs a scenario on a modelled machine.
public final class ScenarioRunner {
  /// Statements that are run at most, those of repeated blocks each time, and pages accessed at most.
  static let statementLimit = 2_000_000
  static let accessLimit: UInt64 = 200_000_000
  static let processLimit = 32_768
  static let memoryLimit: UInt64 = 64 << 30

  /// A mapping as the scenario names it.
  struct Region {
    var start: UInt64
    var bytes: UInt64
  }

  /// A process as the scenario names it.
  final class Process {
    let name: String
    let pid: Int
    var regions: [String: Region] = [:]
    /// Faults at the last `mark`.
    var minorMark = 0
    var majorMark = 0
    var signals: [FaultSignal] = []
    /// What it had when it ended.
    var last: ScenarioOutcome.Process?

    init(name: String, pid: Int) {
      self.name = name
      self.pid = pid
    }
  }

  private let scenario: Scenario
  var memory: VirtualMemory?
  var processes: [String: Process] = [:]
  var order: [String] = []
  var files: [String: FileID] = [:]
  var outcome = ScenarioOutcome()
  private var nextPID = 100
  var policy = VirtualMemoryPolicy()
  private var processors: Processors.Settings?
  private var hasProcessors = true
  /// Accesses and what the look-aside buffers did until the last `mark`.
  private(set) var accessMark: UInt64 = 0
  private(set) var tlbMark = TLBCounters()

  public init(_ scenario: Scenario) { self.scenario = scenario }

  /// Runs all statements. Throws where one can't be run; assertions that don't hold are in the outcome.
  public func run() throws(ScenarioError) -> ScenarioOutcome {
    var index = 0
    var counters: [Int: Int] = [:]
    while index < scenario.statements.count {
      let statement = scenario.statements[index]
      outcome.statements += 1
      if outcome.statements > Self.statementLimit {
        throw ScenarioError(statement.word, "more than \(Self.statementLimit) statements; repeat less")
      }
      switch statement.verb {
      case .repeat:
        let count = try statement.operands[0].number(0...1_000_000)
        counters[index] = count
        if count == 0 { index = statement.partner }
      case .end:
        counters[statement.partner, default: 1] -= 1
        if counters[statement.partner, default: 0] > 0 { index = statement.partner }
      default:
        try run(statement)
      }
      index += 1
    }
    finish()
    return outcome
  }

  private func run(_ statement: ScenarioStatement) throws(ScenarioError) {
    switch statement.verb {
    case .machine: try setUp(statement)
    case .file: try addFile(statement)
    case .process: try addProcess(statement)
    case .mark: setMark()
    case .assert: try assert(statement)
    case .exit: try exit(statement)
    case .touch, .write: try access(statement, isWrite: true, isFetch: false)
    case .read: try access(statement, isWrite: false, isFetch: false)
    case .execute: try access(statement, isWrite: false, isFetch: true)
    default: try call(statement)
    }
  }

  // MARK: - The machine

  private func setUp(_ statement: ScenarioStatement) throws(ScenarioError) {
    if memory != nil { throw ScenarioError(statement.word, "the machine must be described before anything else") }
    var ram: UInt64 = 256 << 20
    var swap: UInt64 = 0
    var kernel = KernelVersion(6, 1)
    var hugePages = 0
    try chooseScheme(statement)
    let pageBytes = policy.pageBytes
    for name in statement.options.keys.sorted() {
      guard let word = statement.options[name] else { continue }
      switch name {
      case "ram":
        ram = try word.bytes(pageBytes: pageBytes)
        if !((16 << 20)...Self.memoryLimit).contains(ram) {
          throw ScenarioError(word, "a machine has 16M to 64G of memory")
        }
        let reaches = policy.scheme.format != .ia32 && policy.scheme.format != .armShort
        if !reaches, ram > 4 << 30 {
          throw ScenarioError(word, "the entries of \(policy.scheme.name) name 4G of memory at most")
        }
      case "swap":
        swap = try word.bytes(pageBytes: pageBytes)
        if swap > Self.memoryLimit { throw ScenarioError(word, "swap has at most 64G") }
      case "kernel":
        guard let version = KernelVersion(parsing: word.text) else {
          throw ScenarioError(word, "\(word.shown) is no kernel version")
        }
        kernel = version
      case "thp":
        guard let choice = VirtualMemoryPolicy.HugePages(rawValue: word.text) else {
          throw ScenarioError(word, "\(word.shown) is none of always, madvise, never")
        }
        if choice != .never, !policy.hasHugePages {
          throw ScenarioError(word, "\(policy.scheme.name) has no huge pages")
        }
        policy.hugePages = choice
      case "overcommit":
        policy.overcommit = VirtualMemoryPolicy.Overcommit(rawValue: try word.number(0...2)) ?? .heuristic
      case "overcommit-ratio": policy.overcommitRatio = try word.number(0...1000)
      case "overcommit-size": policy.overcommitKilobytes = Int(clamping: try word.bytes(pageBytes: pageBytes) >> 10)
      case "swappiness": policy.swappiness = try word.number(0...200)
      case "page-cluster": policy.pageCluster = try word.number(0...6)
      case "hugepages": hugePages = try word.number(0...32768)
      case "mmap-min-addr": policy.minimumAddress = try word.bytes(pageBytes: pageBytes) & ~(pageBytes - 1)
      case "max-map-count": policy.maximumAreas = try word.number(1...1_000_000)
      case "scheme": break
      case "tlb", "data-caches": try chooseProcessor(name, word)
      default:
        let bytes = try word.bytes(pageBytes: pageBytes)
        guard bytes >= 4096, bytes.nonzeroBitCount == 1, bytes <= 2 << 20 else {
          throw ScenarioError(word, "\(word.shown) is no power of two from 4K to 2M")
        }
        policy.faultAroundBytes = bytes
      }
    }
    // Small machines begin without huge pages, and never have one of zeros (`hugepage_init`).
    let isSmall = ram < 512 << 20
    if statement.options["thp"] == nil, isSmall { policy.hugePages = .never }
    policy.usesHugeZeroPage = !isSmall
    let made = makeMemory(ram: ram, kernel: kernel)
    made.setSwap(pages: Int(swap >> UInt64(policy.pageShift)))
    if hugePages > 0, !policy.hasHugePages, let word = statement.options["hugepages"] {
      throw ScenarioError(word, "\(policy.scheme.name) has no huge pages")
    }
    if hugePages > 0, made.setHugePool(hugePages) < hugePages, let word = statement.options["hugepages"] {
      throw ScenarioError(word, "only \(made.hugePoolPages.total) huge pages could be had")
    }
  }

  /// The scheme comes first: it decides about the size of a page.
  private func chooseScheme(_ statement: ScenarioStatement) throws(ScenarioError) {
    guard let word = statement.options["scheme"] else { return }
    guard let scheme = TranslationScheme(named: word.text) else {
      let names = TranslationScheme.all().map(\.name).joined(separator: ", ")
      throw ScenarioError(word, "\(word.shown) is no scheme of translation; there are \(names)")
    }
    policy = VirtualMemoryPolicy(scheme: scheme)
  }

  private func chooseProcessor(_ name: String, _ word: ScenarioWord) throws(ScenarioError) {
    if name == "tlb", word.text == "none" {
      hasProcessors = false
      return
    }
    var chosen = processors ?? Processors.Settings(policy.scheme)
    if name == "data-caches" {
      guard let caches = DataCacheGeometry(parsing: word.text) else {
        throw ScenarioError(word, "\(word.shown) is no list of caches; expected sizes and ways such as 32K/8,1M/16")
      }
      chosen.dataCaches = caches
    } else if let known = TLBGeometry.named(word.text) {
      chosen.geometry = known
    } else {
      var problem = ""
      guard let given = TLBGeometry(parsing: word.text, contexts: chosen.geometry.contexts, problem: &problem) else {
        let names = TLBGeometry.catalogue.map(\.name).joined(separator: ", ")
        throw ScenarioError(word, "\(problem); or one of \(names), none")
      }
      chosen.geometry = given
    }
    processors = chosen
  }

  private var architecture: Architecture {
    switch policy.scheme.format {
    case .ia32, .pae: .x86
    case .x86_64: .x86_64
    case .armShort: .arm
    case .arm64: .arm64
    }
  }

  @discardableResult
  private func makeMemory(ram: UInt64 = 256 << 20, kernel: KernelVersion = KernelVersion(6, 1)) -> VirtualMemory {
    let profile = KernelProfile(kernel: kernel, architecture: architecture, pageSize: Int(policy.pageBytes))
    let supply = PhysicalSupply(profile: profile, totalBytes: ram)
    let made = VirtualMemory(policy: policy, supply: supply)
    if hasProcessors {
      made.processors = Processors(policy.scheme, processors ?? Processors.Settings(policy.scheme))
    }
    memory = made
    return made
  }

  /// The machine; if it was not described, one of 256 MiB without huge pages.
  func machine() -> VirtualMemory {
    if let memory { return memory }
    policy.hugePages = .never
    policy.usesHugeZeroPage = false
    return makeMemory()
  }

  private func addFile(_ statement: ScenarioStatement) throws(ScenarioError) {
    let name = statement.operands[0]
    if files[name.text] != nil { throw ScenarioError(name, "the file \(name.shown) is there already") }
    guard let size = statement.options["size"] else { throw ScenarioError(statement.word, "`file` needs size=") }
    let bytes = try size.bytes(pageBytes: policy.pageBytes)
    let file = machine().addFile(name.text, bytes: bytes, isSharedMemory: statement.flags["tmpfs"] != nil)
    files[name.text] = file
    if let cached = statement.options["cached"] {
      let count = min(try cached.bytes(pageBytes: policy.pageBytes), bytes)
      machine().cache(file, pages: 0..<(count + policy.pageBytes - 1) / policy.pageBytes)
    }
  }

  private func addProcess(_ statement: ScenarioStatement) throws(ScenarioError) {
    let process = try makeProcess(statement.operands[0])
    guard let space = machine().addProcess(process.pid, name: process.name) else {
      throw ScenarioError(statement.operands[0], "there is no memory for its first page table (ENOMEM)")
    }
    space.isPrivileged = statement.flags["unprivileged"] == nil
    try prepare(process, space, statement.word)
  }

  func makeProcess(_ word: ScenarioWord) throws(ScenarioError) -> Process {
    if let old = processes[word.text], machine().spaces[old.pid] != nil {
      throw ScenarioError(word, "the process \(word.shown) is there already")
    }
    if nextPID - 100 >= Self.processLimit {
      throw ScenarioError(word, "more than \(Self.processLimit) processes: PIDs run out (EAGAIN)")
    }
    if let old = processes[word.text], let last = old.last { outcome.processes.append(last) }
    let process = Process(name: word.text, pid: nextPID)
    nextPID += 1
    if processes[word.text] == nil { order.append(word.text) }
    processes[word.text] = process
    return process
  }

  /// Gives a program its stack, and a heap that begins above 4 MiB.
  func prepare(_ process: Process, _ space: AddressSpace, _ word: ScenarioWord) throws(ScenarioError) {
    do throws(CallError) {
      try machine().mapStack(space)
    } catch {
      throw ScenarioError(word, "no memory can be promised for its stack (\(error.rawValue))")
    }
    machine().setHeapStart(space, 0x0100_0000)
    if let stack = space.areas.areas.last {
      process.regions = ["stack": Region(start: stack.start, bytes: stack.bytes)]
    }
  }

  // MARK: - Names

  func process(_ word: ScenarioWord) throws(ScenarioError) -> Process {
    guard let process = processes[word.text] else {
      let known = order.isEmpty ? "none yet" : order.prefix(20).joined(separator: ", ")
      throw ScenarioError(word, "no process \(word.shown); there are \(known)")
    }
    return process
  }

  func space(_ process: Process, _ word: ScenarioWord) throws(ScenarioError) -> AddressSpace {
    guard let space = machine().spaces[process.pid] else {
      throw ScenarioError(word, "the process \(word.shown) has ended")
    }
    return space
  }

  func region(_ process: Process, _ word: ScenarioWord) throws(ScenarioError) -> Region {
    if word.text == "stack", let space = machine().spaces[process.pid],
      let area = space.areas.areas.last(where: { $0.flags.contains(.growsDown) })
    {
      return Region(start: area.start, bytes: area.bytes)
    }
    guard let region = process.regions[word.text] else {
      throw ScenarioError(
        word,
        "no region \(word.shown) in `\(process.name)`; it has \(process.regions.keys.sorted().joined(separator: ", "))")
    }
    return region
  }

  private func setMark() {
    accessMark = outcome.accesses
    tlbMark = machine().processors?.counters ?? TLBCounters()
    for process in processes.values {
      guard let space = machine().spaces[process.pid] else { continue }
      process.minorMark = space.minorFaults
      process.majorMark = space.majorFaults
    }
  }

  private func exit(_ statement: ScenarioStatement) throws(ScenarioError) {
    let process = try process(statement.operands[0])
    end(process, try space(process, statement.operands[0]))
  }

  func end(_ process: Process, _ space: AddressSpace) {
    process.last = summary(process, space, isAlive: false)
    machine().exit(space)
  }

  func summary(_ process: Process, _ space: AddressSpace, isAlive: Bool) -> ScenarioOutcome.Process {
    ScenarioOutcome.Process(
      pid: process.pid, name: process.name, isAlive: isAlive, minor: space.minorFaults, major: space.majorFaults,
      resident: ResidentKind.allCases.map { space[$0] }, tables: space.pageTablesByLevel,
      tableBytes: space.pageTableBytes,
      mappedPages: space.mappedPages, areas: space.areas.count, signals: process.signals)
  }

  private func finish() {
    let memory = machine()
    for name in order {
      guard let process = processes[name] else { continue }
      if let space = memory.spaces[process.pid] {
        outcome.processes.append(summary(process, space, isAlive: true))
      } else if let last = process.last {
        outcome.processes.append(last)
      } else {
        outcome.processes.append(
          ScenarioOutcome.Process(
            pid: process.pid, name: name, isAlive: false,
            wasKilled: memory.kills.contains { $0.pid == process.pid }, minor: 0, major: 0,
            resident: ResidentKind.allCases.map { _ in 0 }, tables: [], tableBytes: 0, mappedPages: 0, areas: 0,
            signals: process.signals))
      }
    }
    outcome.scheme = policy.scheme
    outcome.tlb = memory.processors?.counters ?? TLBCounters()
    outcome.processor = memory.processors?.settings
    outcome.memory.totalPages = memory.supply.totalPages
    outcome.memory.freePages = memory.supply.freePages
    outcome.memory.tablePages = memory.tablePages
    outcome.memory.committedPages = memory.committedPages
    outcome.memory.commitLimit = memory.commitLimit
    outcome.memory.swapPages = memory.swapPages
    outcome.memory.freeSwapPages = memory.freeSwapPages
    outcome.memory.counters = memory.counters
    outcome.memory.kills = memory.kills
  }
}
