import KernelTypes
import MemoryModels
import Testing

/// Pages in a table: who has them, and whether they are used, dirty or locked.
private struct TableDriver: PressureDriver {
  struct Page {
    var owner: Int
    var kind: PageLists.Kind
    var uses = 0
    var isDirty = false
    var isLocked = false
  }

  var pages: [PageFrame: Page] = [:]
  var swapSlots = 0
  var swapped = 0
  var unusedObjects = 0
  var processes: [Int] = []
  var killed: [Int] = []
  var moves = 0
  var problems: [String] = []

  var hasSwapRoom: Bool { swapped < swapSlots }
  var swapPages: Int { swapSlots }
  var freeableObjects: Int { unusedObjects }

  mutating func references(_ frame: PageFrame) -> PageReferences {
    guard let page = pages[frame] else {
      problems.append("\(frame) is on a list and has no owner")
      return PageReferences()
    }
    pages[frame]?.uses = 0
    return PageReferences(count: page.uses, isLocked: page.isLocked)
  }

  mutating func evict(_ frame: PageFrame, _ kind: PageLists.Kind) -> Eviction {
    guard let page = pages[frame] else { return .kept }
    if page.kind != kind { problems.append("\(frame) is of another kind") }
    if kind == .file, page.isDirty {
      pages[frame]?.isDirty = false
      return .dirty
    }
    if kind == .anonymous {
      guard hasSwapRoom else { return .kept }
      swapped += 1
    }
    pages[frame] = nil
    return kind == .anonymous ? .written : .freed
  }

  var tasks: [OutOfMemory.Task] {
    processes.filter { !killed.contains($0) }.map { pid in
      OutOfMemory.Task(
        pid: pid, name: "p\(pid)", userID: 1000,
        anonymousPages: pages.values.count { $0.owner == pid })
    }
  }

  mutating func kill(pid: Int) -> [PageFrame] {
    killed.append(pid)
    let own = pages.filter { $0.value.owner == pid }.map(\.key).sorted()
    for frame in own { pages[frame] = nil }
    return own
  }

  mutating func shrinkObjects(_ count: Int) -> (objects: Int, frames: [PageFrame]) {
    let freed = min(count, unusedObjects)
    unusedObjects -= freed
    return (freed, [])
  }

  mutating func moved(from source: PageFrame, to target: PageFrame) {
    moves += 1
    if pages[target] != nil { problems.append("moved onto \(target), which is in use") }
    pages[target] = pages.removeValue(forKey: source)
  }
}

@Suite struct MemoryPressureTests {
  private let movable: GFPFlags = [.kernel, .highMemory, .movable]

  private func profile(_ changes: String...) -> KernelProfile {
    var profile = KernelProfile()
    var settings = profile.virtualMemory
    for change in changes { try? settings.set(assignment: change) }
    profile.use(settings)
    return profile
  }

  private struct Situation {
    var lists: PageLists
    var free: Int
    var steps: [MemoryPressure.Step]
    var counters: MemoryPressure.Counters
    var driver: TableDriver
    var served: Int
  }

  /// Takes so many pages, anonymous or of files in turn as asked, and says what that led to.
  private func press(
    _ machine: inout Machine, pages: Int, filePercent: Int = 0, swapSlots: Int = 0,
    owners: [Int] = [1],
    order: Int = 0
  ) -> Situation {
    var pressure = MemoryPressure(machine: machine)
    var driver = TableDriver()
    driver.swapSlots = swapSlots
    driver.processes = owners
    var served = 0
    for number in 0..<pages {
      let kind: PageLists.Kind = number % 100 < filePercent ? .file : .anonymous
      guard
        let frame = pressure.allocate(
          order: order, migrateType: .movable, flags: movable, machine: &machine, driver: &driver)
      else { continue }
      served += 1
      for page in 0..<(UInt64(1) << UInt64(order)) {
        let frame = PageFrame(frame.rawValue + page)
        driver.pages[frame] = .init(owner: owners[number % owners.count], kind: kind)
        pressure.lists.add(frame, kind)
      }
    }
    #expect(driver.problems.isEmpty, "\(driver.problems.prefix(3))")
    #expect(pressure.lists.checkInvariants() == nil)
    for index in 0..<machine.zoneCount { #expect(machine[zone: index].checkInvariants() == nil) }
    return Situation(
      lists: pressure.lists, free: machine.freePages, steps: pressure.steps,
      counters: pressure.counters,
      driver: driver, served: served)
  }

  @Test func cacheGivesWayWithoutAnybodyDying() {
    var machine = Machine(profile: profile(), totalBytes: 64 << 20)
    let pages = machine.freePages
    let result = press(&machine, pages: 3 * pages, filePercent: 100)
    #expect(result.served == 3 * pages)
    #expect(result.counters.kills == 0 && result.counters.failed == 0)
    #expect(result.counters.reclaimerWakes > 0 && result.counters.background.reclaimed > pages)
    // What is in use and what is free add up to the machine.
    #expect(result.driver.pages.count + result.free + machine.pagesInPerCPULists == pages)
  }

  @Test func anonymousPagesGoToSwapAsSwappinessSays() {
    func swappedOut(_ swappiness: Int) -> Int {
      var machine = Machine(profile: profile("vm.swappiness=\(swappiness)"), totalBytes: 64 << 20)
      let pages = machine.freePages
      let result = press(&machine, pages: 2 * pages, filePercent: 50, swapSlots: 1 << 20)
      #expect(result.counters.kills == 0)
      return result.driver.swapped
    }
    let few = swappedOut(0)
    let some = swappedOut(60)
    let many = swappedOut(200)
    #expect(few < some && some < many, "\(few), \(some), \(many)")
  }

  @Test func withoutSwapTheLargestProcessDies() {
    var machine = Machine(profile: profile(), totalBytes: 32 << 20)
    let pages = machine.freePages
    let result = press(&machine, pages: pages + 4000, owners: [1, 2, 2])
    #expect(result.counters.kills >= 1)
    #expect(result.driver.killed.first == 2, "the one with two thirds of the pages")
    #expect(result.counters.directReclaims > 0)
    #expect(result.driver.pages.count + result.free + machine.pagesInPerCPULists == pages)
  }

  @Test func settingsStopTheMachineInstead() {
    var machine = Machine(profile: profile("vm.panic_on_oom=1"), totalBytes: 32 << 20)
    let result = press(&machine, pages: machine.freePages)
    #expect(result.driver.killed.isEmpty && result.counters.failed > 0)
    #expect(
      result.steps.contains { step in
        if case .outOfMemory(.panics, _) = step { return true }
        return false
      })
  }

  @Test func fewerBytesKeptFreeServeMoreBeforeReclaim() {
    func served(_ setting: String) -> Int {
      var machine = Machine(profile: profile(setting, "vm.panic_on_oom=1"), totalBytes: 64 << 20)
      return press(&machine, pages: machine.freePages).served
    }
    #expect(served("vm.min_free_kbytes=512") > served("vm.min_free_kbytes=8192"))
  }

  @Test func requestsForBlocksAreCompactedFor() {
    var machine = Machine(profile: profile(), totalBytes: 64 << 20)
    var pressure = MemoryPressure(machine: machine)
    var driver = TableDriver()
    driver.processes = [1]
    var frames: [PageFrame] = []
    while machine.freePages > 4000,
      let frame = pressure.allocate(
        migrateType: .movable, flags: movable, machine: &machine, driver: &driver)
    {
      driver.pages[frame] = .init(owner: 1, kind: .anonymous)
      pressure.lists.add(frame, .anonymous)
      frames.append(frame)
    }
    // Every second page goes, so that half is free and nothing is in one piece.
    for frame in frames.sorted() where frame.rawValue % 2 == 0 {
      driver.pages[frame] = nil
      pressure.lists.remove(frame)
      machine.free(frame)
    }
    machine.drain(cpu: 0)
    // Whole blocks that are left go first.
    while machine.allocate(order: 9, flags: .kernel) != nil {}
    let before = machine.freePages
    let huge = pressure.allocate(
      order: 9, migrateType: .unmovable, flags: [.kernel, .retryMayFail], machine: &machine,
      driver: &driver)
    #expect(huge != nil, "\(pressure.steps)")
    #expect(
      pressure.counters.compactions > 0 && driver.moves > 0
        && driver.moves == pressure.counters.movedPages)
    #expect(driver.problems.isEmpty && driver.killed.isEmpty)
    #expect(machine.freePages <= before)
    #expect(pressure.lists.checkInvariants() == nil)
    for index in 0..<2 { #expect(machine[zone: index].checkInvariants() == nil) }
  }

  @Test func atomicRequestsNeverWait() {
    var machine = Machine(profile: profile("vm.panic_on_oom=1"), totalBytes: 32 << 20)
    _ = press(&machine, pages: machine.freePages)
    var pressure = MemoryPressure(machine: machine)
    var driver = TableDriver()
    var served = 0
    while pressure.allocate(
      flags: [.high, .atomic, .kswapdReclaim], machine: &machine, driver: &driver) != nil
    { served += 1 }
    #expect(served > 0, "a part of the minimum is theirs")
    #expect(pressure.counters.directReclaims == 0 && pressure.counters.kills == 0)
    #expect(machine.freePages > 0, "but not all of it")
  }

  @Test func droppingCachesFreesWhatIsCleanAndUnused() {
    var machine = Machine(profile: profile(), totalBytes: 32 << 20)
    var pressure = MemoryPressure(machine: machine)
    var driver = TableDriver()
    driver.unusedObjects = 500
    var frames: [PageFrame] = []
    for number in 0..<300 {
      guard let frame = machine.allocate(migrateType: .movable, flags: movable) else { continue }
      frames.append(frame)
      driver.pages[frame] = .init(
        owner: 1, kind: number < 200 ? .file : .anonymous, uses: number < 50 ? 1 : 0,
        isDirty: number >= 190)
      pressure.lists.add(frame, number < 200 ? .file : .anonymous)
    }
    let free = machine.freePages + machine.pagesInPerCPULists
    let pages = pressure.dropCaches(1, machine: &machine, driver: &driver)
    #expect(pages.reclaimed == 140 && pages.slabObjects == 0)
    #expect(machine.freePages + machine.pagesInPerCPULists == free + 140)
    let objects = pressure.dropCaches(2, machine: &machine, driver: &driver)
    #expect(objects.slabObjects == 500 && objects.reclaimed == 0)
    #expect(pressure.lists.count(.inactiveAnonymous) == 100)
  }

  @Test func pagesMoveBetweenListsByUse() {
    var lists = PageLists()
    let frame = PageFrame(7)
    #expect(lists.add(frame, .file) == true)
    #expect(lists.add(frame, .file) == false)
    lists.markAccessed(frame)
    #expect(lists.list(of: frame) == .inactiveFile)
    lists.markAccessed(frame)
    #expect(lists.list(of: frame) == .activeFile)
    lists.setUnevictable(frame, true)
    #expect(lists.list(of: frame) == .unevictable)
    lists.setUnevictable(frame, false)
    #expect(lists.list(of: frame) == .inactiveFile)
    #expect(lists.remove(frame) == true)
    #expect(lists.remove(frame) == false && lists.list(of: frame) == nil)
    var old = PageLists(kernel: KernelVersion(4, 9))
    old.add(frame, .anonymous)
    #expect(old.list(of: frame) == .activeAnonymous)
    #expect(lists.add(PageFrame(1 << 60), .file) == false)
  }

  @Test func listsKeepTogetherWhateverHappens() {
    var random = SeededGenerator(seed: 21)
    var lists = PageLists(base: PageFrame(100))
    var known: [PageFrame: PageLists.Kind] = [:]
    for step in 0..<20_000 {
      let frame = PageFrame(UInt64.random(in: 100..<400, using: &random))
      switch Int.random(in: 0..<5, using: &random) {
      case 0:
        let kind: PageLists.Kind = Bool.random(using: &random) ? .anonymous : .file
        #expect(lists.add(frame, kind) == (known[frame] == nil))
        if known[frame] == nil { known[frame] = kind }
      case 1:
        #expect(lists.remove(frame) == (known[frame] != nil))
        known[frame] = nil
      case 2: lists.markAccessed(frame)
      case 3: lists.setUnevictable(frame, Bool.random(using: &random))
      default: lists.noteCost(.file, pages: 3)
      }
      if step % 500 == 0 { #expect(lists.checkInvariants() == nil) }
    }
    #expect(PageLists.List.allCases.reduce(0) { $0 + lists.count($1) } == known.count)
  }
}
