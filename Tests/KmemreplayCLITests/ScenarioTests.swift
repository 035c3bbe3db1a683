import Analysis
import KmemreplayCLI
import TestSupport
import Testing

@Suite("Scenarios") struct ScenarioTests {
  private static let names = [
    "copy-on-write", "huge-pages", "lazy-allocation", "null-dereference", "overcommit-oom", "overcommit-strict",
    "protect-and-move", "shared-library", "stack-growth", "swap-thrashing", "tlb-flushes",
  ]

  private func run(_ options: String...) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(
      ["scenario"] + options, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private func run(text: String, _ options: String...) throws -> CommandResult {
    let folder = try CapturedSnapshots.directory(["made.scenario": text])
    defer { CapturedSnapshots.remove(folder) }
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(
      ["scenario", folder + "/made.scenario"] + options, in: CommandEnvironment(output: output, errors: errors))
    let shown = errors.text.split(separator: "made.scenario:", maxSplits: 1).last.map(String.init) ?? errors.text
    return CommandResult(status: status, output: output.text, errors: shown)
  }

  @Test("every assertion of the shipped scenarios holds", arguments: names)
  func shipped(name: String) {
    let path = SampleTraces.file("scenarios/\(name).scenario")
    let result = run(path)
    #expect(result.status == .done, "\(result.output)\(result.errors)")
    let json = run(path, "--format", "json")
    #expect(json.output.contains("\"schema\" : \"kmemreplay.scenario/1\""))
    #expect(!json.output.contains("\"holds\" : false"))
    #expect(run(path, "--format", "markdown").output.contains("## Assertions"))
  }

  @Test func `An assertion that doesn't hold is shown with what was found, and ends with 1`() throws {
    let result = try run(text: "process a\nmap a m size=64K\nwrite a m\nassert a m rss = 32K\n")
    #expect(result.status == .thresholdExceeded)
    #expect(result.output.contains("a m rss = 32K") && result.output.contains("64K"))
  }

  @Test(
    "mistakes are named with their line and column",
    arguments: [
      ("process a\n  fly a\n", "2:3: unknown word `fly`"),
      ("process a\nmap a\n", "2:4: `map` needs a REGION"),
      ("process a\nmap a m size=12Q\n", "2:14: `12Q` is no size"),
      ("process a\nmap a m size=4K sise=3\n", "2:17: `map` has no option `sise=`"),
      ("process a\nmap a m size=4K upside\n", "2:17: unknown word `upside`"),
      ("write b m\n", "1:7: no process `b`"),
      ("process a\nwrite a m\n", "2:9: no region `m`"),
      ("repeat 3\nmark\n", "1:1: `repeat` without an `end`"),
      ("process a\nmap a m size=4K\nwrite a m\nread a m at=0x10\n", "4:1: `read` ended with SIGSEGV SEGV_MAPERR"),
      ("process a\nassert a colour = 3\n", "2:10: unknown figure `colour`"),
      ("process a\nassert a rss ~ 3\n", "2:14: `~` is none of"),
      ("machine ram=1K\n", "1:13: a machine has 16M to 64G"),
      ("machine scheme=vax\n", "1:16: `vax` is no scheme of translation; there are ia32, pae, x86_64"),
      ("machine scheme=ia32 ram=8G\n", "1:25: the entries of ia32 name 4G of memory at most"),
      ("machine scheme=arm thp=always\n", "1:24: arm has no huge pages"),
      ("machine scheme=arm hugepages=2\n", "1:30: arm has no huge pages"),
      ("machine tlb=L9:3\n", "1:13: `L9:3` is no buffer"),
      ("machine data-caches=32K\n", "1:21: `32K` is no list of caches"),
      (
        "machine scheme=pae\nprocess a\nread a x at=0x100000000\n",
        "3:13: `0x100000000` has more than the 32 bits of pae"
      ),
      ("machine ram=64M ram=64M\n", "1:17: `ram=` is given twice"),
      ("process a\nmap a m size=18446744073709551615T\n", "2:14: `18446744073709551615T` is no size"),
    ])
  func mistakes(text: String, message: String) throws {
    let result = try run(text: text)
    #expect(result.status == .failed)
    #expect(result.errors.contains(message), "\(result.errors)")
  }

  @Test func `A process that forks without bound runs out of the machine's memory, and the scenario says where`() throws
  {
    let text =
      "machine ram=32M\nprocess a\nmap a m size=1M\nwrite a m\nlimit a oom=-1000\nrepeat 1000000\nfork a c\nend\n"
    let named = try run(text: text)
    #expect(named.status == .failed && named.errors.contains("7:8: the process `c` is there already"))
    let bomb = try run(text: "machine ram=32M\nprocess a\nrepeat 1000000\nfork a c\nexit c\nend\n")
    #expect(bomb.status == .failed && bomb.errors.contains("PIDs run out (EAGAIN)"))
  }

  @Test(
    "every architecture runs the same story",
    arguments: [
      "ia32", "pae", "x86_64", "x86_64-5level", "arm", "arm64-4k", "arm64-4k-39", "arm64-16k", "arm64-16k-47",
      "arm64-16k-36", "arm64-64k", "arm64-64k-42",
    ])
  func schemes(name: String) throws {
    let text = """
      machine scheme=\(name) ram=1G swap=64M thp=never
      process a
      map a m size=64p
      write a m
      assert a minor = 64
      assert a m rss = 64p
      fork a b
      mark
      write b m size=8p
      assert b minor = 8
      assert b m shared = 56p
      swap b m size=4p
      assert b swap = 4p
      read b m
      assert b swap = 0
      protect a m r
      write a m expect SEGV_ACCERR
      execute a m expect SEGV_ACCERR
      read a nothing at=0x10 expect SEGV_MAPERR
      unmap a m
      assert a anon = 0
      exit b
      assert a pte <= 20K
      """
    // Entries of two-level IA-32 can't forbid execution.
    let adapted = name == "ia32" ? text.replacing("execute a m expect SEGV_ACCERR\n", with: "execute a m\n") : text
    // With 64 KiB a page table has 64 KiB, too.
    let hasSmallPages = name.contains("-4k") || !name.contains("arm64")
    let result = try run(text: hasSmallPages ? adapted : adapted.replacing("20K", with: "5p"))
    #expect(result.status == .done, "\(result.output)\(result.errors)")
  }

  @Test func `Limits of mappings and the pool of huge pages end calls and accesses as in the kernel`() throws {
    let text = """
      machine ram=64M thp=never hugepages=1 max-map-count=4 mmap-min-addr=128K
      process a unprivileged
      map a low size=4K at=0x10000 fixed expect EPERM
      map a low size=4K at=0x20000 fixed
      map a second size=4K at=0x30000 fixed
      map a third size=4K at=0x40000 fixed
      map a fourth size=4K at=0x50000 fixed
      map a fifth size=4K at=0x60000 fixed expect ENOMEM
      process b
      map b pool size=2M hugetlb noreserve
      map b more size=2M hugetlb noreserve
      write b pool
      write b more expect BUS_ADRERR
      assert pool-free = 0
      """
    let result = try run(text: text)
    #expect(result.status == .done, "\(result.output)\(result.errors)")
  }

  @Test func `Without look-aside buffers the same faults happen`() throws {
    let text = "process a\nmap a m size=64K\nwrite a m\nfork a b\nwrite b m\nassert b minor = 16\n"
    let result = try run(text: "machine ram=64M tlb=none\n" + text + "assert tlb-misses = 0\n")
    #expect(result.status == .done && !result.output.contains("TLB"), "\(result.output)\(result.errors)")
  }

  @Test func `Repetition, limits and expectations work together`() throws {
    let text = """
      machine ram=64M swap=32M thp=never
      process a unprivileged
      limit a address-space=32M locked=64K
      map a big size=64M expect ENOMEM
      map a m size=8M
      lock a m expect ENOMEM
      lock a m size=64K
      assert a locked = 64K
      assert a m rss = 64K
      repeat 4
        write a m
        fork a c
        write c m size=16K
        exit c
      end
      assert a m rss = 8M
      heap a size=1M
      write a heap
      assert a heap rss = 1M
      exec a /bin/other
      assert a rss = 0
      """
    let result = try run(text: text)
    #expect(result.status == .done, "\(result.output)\(result.errors)")
  }
}
