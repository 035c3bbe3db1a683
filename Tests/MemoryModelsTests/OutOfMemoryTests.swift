import KernelTypes
import MemoryModels
import Testing

@Suite struct OutOfMemoryTests {
  private typealias Task = OutOfMemory.Task

  @Test func theScoreCountsPagesTablesAndSwap() {
    let killer = OutOfMemory(totalPages: 6_171_023)
    var task = Task(
      pid: 1, name: "a", userID: 1000, anonymousPages: 100_000, pageTableBytes: 200 * 4096)
    #expect(killer.badness(task) == 100_200)
    #expect(killer.score(task) == 677)
    #expect(killer.score(task, kernel: KernelVersion(3, 5)) == 16)
    task.adjustment = 500
    #expect(killer.badness(task) == 3_185_700)
    #expect(killer.score(task) == 1010)
    task.adjustment = -1000
    #expect(killer.badness(task) == nil && killer.score(task) == 0)
    task.adjustment = 0
    task.userID = 0
    #expect(killer.score(task, kernel: KernelVersion(3, 5)) == 0)
  }

  @Test func theLargestDiesUnlessSettingsSayOtherwise() throws {
    let small = Task(pid: 10, name: "small", anonymousPages: 100)
    let large = Task(pid: 11, name: "large", anonymousPages: 1000)
    let equal = Task(pid: 12, name: "equal", anonymousPages: 1000)
    let protected = Task(pid: 13, name: "protected", anonymousPages: 9000, adjustment: -1000)
    let first = Task(pid: 1, name: "init", anonymousPages: 9000, isUnkillable: true)
    var killer = OutOfMemory(totalPages: 100_000)
    #expect(killer.choose([first, small, large, protected]) == .kills(pid: 11, badness: 1000))
    #expect(
      killer.choose([small, large, equal]) == .kills(pid: 12, badness: 1000),
      "of equals the later one")
    #expect(killer.choose([first, protected]) == .deadlock)
    #expect(killer.choose([small, large], canUseFileSystem: false) == .notTried)
    var dying = small
    dying.isDying = true
    #expect(killer.choose([large, dying]) == .waits(pid: 10))
    dying.isSkipped = true
    #expect(killer.choose([large, dying]) == .kills(pid: 11, badness: 1000))
    try killer.settings.set("oom_kill_allocating_task", to: "1")
    #expect(killer.choose([small, large], allocating: small) == .killsAllocating(pid: 10))
    #expect(killer.choose([small, large], allocating: protected) == .kills(pid: 11, badness: 1000))
    try killer.settings.set("panic_on_oom", to: "1")
    #expect(killer.choose([small], allocating: small) == .panics)
    killer.constraint = .cpuset
    #expect(killer.choose([small, large], allocating: small) == .killsAllocating(pid: 10))
    try killer.settings.set("panic_on_oom", to: "2")
    #expect(killer.choose([small]) == .panics)
  }

  /// The lines of a real kernel (6.1, 64 MB, 6 MB of swap) when it ran out.
  @Test func theLogReadsAsTheKernelsOwn() throws {
    let wl67 = Task(
      pid: 67, name: "wl", totalPages: 2145, anonymousPages: 683, pageTableBytes: 49_152)
    let wl68 = Task(
      pid: 68, name: "wl", totalPages: 18_529, anonymousPages: 5893, sharedPages: 97,
      pageTableBytes: 106_496,
      swapPages: 1522, adjustment: 1000)
    var killer = OutOfMemory(totalPages: (15_360 + 31_292 + 6140) / 4)
    let table = killer.taskTable([wl67, wl68])
    #expect(
      table == [
        "Tasks state (memory values in pages):",
        "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        "[     67]     0    67     2145      683    49152        0             0 wl",
        "[     68]     0    68    18529     5990   106496     1522          1000 wl",
      ])
    let tasks = table.compactMap { OutOfMemory.task(parsing: "[    3.046424] " + $0) }
    #expect(tasks.map(\.pid) == [67, 68])
    #expect(tasks.last?.residentPages == 5990 && tasks.last?.adjustment == 1000)
    guard case .kills(let pid, let badness) = killer.choose(tasks) else {
      Issue.record("nobody was chosen")
      return
    }
    #expect(pid == 68 && badness == 5990 + 1522 + 26 + 13_000)
    #expect(
      killer.killLine(wl68)
        == "Out of memory: Killed process 68 (wl) total-vm:74116kB, anon-rss:23572kB, file-rss:0kB, shmem-rss:388kB, "
        + "UID:0 pgtables:104kB oom_score_adj:1000")
    #expect(
      killer.summaryLine(wl68)
        == "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=wl,pid=68,uid=0")
    try killer.settings.set("oom_dump_tasks", to: "0")
    #expect(killer.taskTable([wl67]).isEmpty)
    for line in [
      "", "[  pid  ]   uid", "[1] 1 2 3", "[1] x 1 1 1 1 1 1 a", "[1] 1 1 1 1 1 1 5000 a",
    ] {
      #expect(OutOfMemory.task(parsing: line) == nil)
    }
  }

  @Test func androidsKillerEndsTheLeastImportantFirst() {
    let killer = LowMemoryKiller.standard
    #expect(killer.threshold(freePages: 20_000, filePages: 100) == nil)
    #expect(killer.threshold(freePages: 10_000, filePages: 10_000) == 12)
    #expect(killer.threshold(freePages: 1000, filePages: 1000) == 0)
    #expect(killer.threshold(freePages: 1000, filePages: 3000) == 6, "both must be below")
    let tasks = [
      OutOfMemory.Task(pid: 1, name: "system", anonymousPages: 9000, adjustment: -900),
      OutOfMemory.Task(pid: 2, name: "visible", anonymousPages: 5000, adjustment: 1),
      OutOfMemory.Task(pid: 3, name: "hidden", anonymousPages: 300, adjustment: 13),
      OutOfMemory.Task(pid: 4, name: "larger", anonymousPages: 400, adjustment: 13),
    ]
    #expect(killer.choose(tasks, freePages: 10_000, filePages: 10_000)?.pid == 4)
    #expect(killer.choose(Array(tasks.prefix(2)), freePages: 10_000, filePages: 10_000) == nil)
    #expect(killer.choose(Array(tasks.prefix(2)), freePages: 1000, filePages: 1000)?.pid == 2)
  }
}
