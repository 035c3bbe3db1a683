import FoundationEssentials
import KmemreplayCLI
import ProcSnapshots
import TestSupport
import Testing

/// `snapshot --low-memory-killer`, `--hugepages` and `--poison`.
@Suite struct MachineQuestionTests {
  private struct Document: Decodable {
    struct Level: Decodable {
      var minfreePages: Int
      var oomScoreAdj: Int
      var pagesLeft: Int
      var pressBytes: UInt64?
    }
    struct LowMemory: Decodable {
      var freePages: Int
      var filePages: Int
      var threshold: Int?
      var levels: [Level]
    }
    struct Pool: Decodable, Equatable {
      var total: Int
      var free: Int
      var reserved: Int
      var surplus: Int
    }
    struct HugePages: Decodable {
      var pageBytes: UInt64
      var wanted: Int
      var before: Pool
      var after: Pool
      var immediate: Int
      var made: Int
      var freeBytesBefore: UInt64
      var freeBytesAfter: UInt64
    }
    struct Failure: Decodable {
      var frame: String
      var zone: String?
      var use: String?
      var result: String?
      var isTakenOut: Bool
      var mappings: Int?
      var killed: Int
      var killedOnAccess: Int
      var freeBlockOrder: Int?
      var freeBlocksBefore: [Int]?
      var freeBlocksAfter: [Int]?
    }
    struct WhatIf: Decodable {
      var lowMemoryKiller: LowMemory?
      var hugePages: HugePages?
      var poison: [Failure]?
    }
    var whatIf: WhatIf
  }

  private func run(_ arguments: [String]) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(
      ["snapshot", CapturedSnapshots.sample] + arguments, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private func ask(_ arguments: String...) throws -> Document.WhatIf {
    let result = run(arguments + ["--format", "json"])
    #expect(result.status == .done, "\(result.errors)")
    return try JSONDecoder().decode(Document.self, from: Data(result.output.utf8)).whatIf
  }

  @Test func theLowMemoryKillerComparesBothCounts() throws {
    let idle = try #require(try ask("--low-memory-killer", "standard").lowMemoryKiller)
    #expect(idle.levels.map(\.minfreePages) == [1536, 2048, 4096, 16384])
    #expect(idle.levels.map(\.oomScoreAdj) == [0, 1, 6, 12])
    #expect(idle.threshold == nil && idle.levels.allSatisfy { $0.pagesLeft > 0 })
    // The levels of a machine that is far below them: the lowest that both counts are under.
    let most = max(idle.freePages, idle.filePages)
    let levels = "minfree=10,\(most + 1),\(most + 100),adj=0,5,9"
    let busy = try #require(try ask("--low-memory-killer", levels).lowMemoryKiller)
    #expect(busy.threshold == 5 && busy.levels.map(\.pagesLeft) == [most - 9, 0, 0])
    #expect(run(["--low-memory-killer", levels]).output.contains("oom_score_adj 5 or more now"))
  }

  @Test func theLowMemoryKillerIsEarlierThanTheKernels() throws {
    let levels = try #require(
      try ask("--press", "1G", "--low-memory-killer", "minfree=512,4096,adj=0,900").lowMemoryKiller?.levels)
    let first = try #require(levels[1].pressBytes)
    let last = try #require(levels[0].pressBytes)
    #expect(first < last, "unimportant processes die first")
    let text = run(["--press", "1G", "--low-memory-killer", "minfree=512,4096,adj=0,900"]).output
    #expect(text.contains("The low-memory killer would end one more process when it has"))
    #expect(text.contains("the low-memory killer ends the process") && !text.contains("the process is killed "))
  }

  @Test func aPoolOfHugePagesTakesItsMemory() throws {
    let pool = try #require(try ask("--hugepages", "16").hugePages)
    #expect(pool.pageBytes == 2 << 20 && pool.before == .init(total: 0, free: 0, reserved: 0, surplus: 0))
    #expect(pool.after == .init(total: 16, free: 16, reserved: 0, surplus: 0))
    #expect(pool.immediate + pool.made == 16)
    #expect(pool.freeBytesBefore - pool.freeBytesAfter == 32 << 20)
    let small = try #require(try ask("--hugepages", "3:64K").hugePages)
    #expect(small.pageBytes == 64 << 10 && small.freeBytesBefore - small.freeBytesAfter == 192 << 10)
    // 235 MiB of memory can't hold a thousand of them, and nobody is killed for them.
    let many = try #require(try ask("--hugepages", "1000").hugePages)
    #expect(many.after.total > 16 && many.after.total < 118 && many.wanted == 1000)
    #expect(run(["--hugepages", "1000"]).output.contains("too few"))
    #expect(run(["--hugepages", "2:1G"]).errors.contains("set aside at boot"))
    #expect(run(["--hugepages", "2:3M"]).errors.contains("power of two"))
    #expect(run(["--hugepages", "many"]).status == .usage)
  }

  @Test func whatBecomesOfAFailingPageFollowsFromItsUse() throws {
    let snapshot = try SnapshotReader.read(path: CapturedSnapshots.sample)
    let flags = try #require(snapshot.pageFlags)
    let counts = try #require(snapshot.pageCounts)
    func frame(_ condition: (KPageFlags.Flags, UInt64) -> Bool) throws -> String {
      let index = try #require(
        flags.pages.words.indices.first { condition(flags.flags(of: $0), counts.pages.words[$0]) })
      return "0x" + String(index, radix: 16)
    }
    let free = try frame { flags, _ in flags.contains(.buddy) }
    let slab = try frame { flags, _ in flags.contains(.slab) }
    let anonymous = try frame { flags, count in
      flags.isSuperset(of: [.anonymous, .memoryMapped]) && !flags.contains(.swapCache) && count == 1
    }
    let failures = try #require(try ask("--poison", free, "--poison", slab, "--poison", anonymous).poison)
    try #require(failures.count == 3)
    #expect(failures[0].use == "free" && failures[0].result == "recovered" && failures[0].isTakenOut)
    let before = try #require(failures[0].freeBlocksBefore)
    let after = try #require(failures[0].freeBlocksAfter)
    let pages = { (blocks: [Int]) in blocks.enumerated().reduce(0) { $0 + $1.element << $1.offset } }
    #expect(pages(before) == pages(after) + 1, "one page is gone, the rest of its block stays free")
    #expect(failures[0].freeBlockOrder != nil)
    #expect(failures[1].use == "kernel" && failures[1].result == "ignored" && !failures[1].isTakenOut)
    #expect(failures[2].use == "anonymous" && failures[2].result == "delayed" && failures[2].mappings == 1)
    #expect(failures[2].killed == 0 && failures[2].killedOnAccess == 1)
    let early = try #require(
      try ask("--poison", anonymous, "--sysctl", "vm.memory_failure_early_kill=1").poison?.first)
    #expect(early.killed == 1 && early.killedOnAccess == 0)
    let fatal = try #require(
      try ask("--poison", slab, "--sysctl", "vm.memory_failure_recovery=0").poison?.first)
    #expect(fatal.result == "panics")
    #expect(run(["--poison", "0xffffffff"]).errors.contains("kpageflags"))
    #expect(run(["--poison", "page"]).status == .usage)
  }

  @Test(arguments: ["text", "markdown"])
  func answersAreReadable(format: String) {
    let arguments = ["--hugepages", "4", "--poison", "0x10", "--low-memory-killer", "standard", "--format", format]
    let result = run(arguments)
    #expect(result.status == .done)
    #expect(result.output.contains("The pool has 4 huge pages of 2.0 MiB as wanted."))
    #expect(result.output.contains("Failing memory (modelled)") && result.output.contains("0x10"))
    #expect(result.output.contains("Low-memory killer (modelled)"))
    if format == "text" {
      for line in result.output.split(separator: "\n") { #expect(line.count <= 120, "\(line)") }
    }
  }

  @Test func questionsAreAboutOneSnapshot() {
    #expect(run(["--diff", CapturedSnapshots.sample, "--hugepages", "4"]).status == .usage)
    for levels in ["minfree=1,2,adj=0", "adj=0", "minfree=a,adj=0", "1,2,3", "minfree=1,adj=2000"] {
      #expect(run(["--low-memory-killer", levels]).status == .usage, "\(levels)")
    }
  }
}
