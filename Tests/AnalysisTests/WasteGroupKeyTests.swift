import Analysis
import KernelTypes
import TestSupport
import Testing
import TraceEvents

@Suite struct WasteGroupKeyTests {
  private func keys(_ trace: ScriptedTrace, by grouping: WasteGrouping, naming: WasteNaming = WasteNaming()) throws
    -> Set<String>
  { Set(try waste(trace, by: grouping, naming: naming).groups.map(\.key)) }

  @Test func kmallocCachesAreNamedByClassAndEra() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 100, 128)
    trace.allocate(0x2000, 1000, 1024)
    trace.allocate(0x4000, 170, 192)
    trace.allocate(0x8000, 9000, 16384)
    trace.allocate(0x20000, 30, 32, gfp: "GFP_KERNEL|__GFP_RECLAIMABLE")
    #expect(
      try keys(trace, by: .cache) == [
        "kmalloc-128", "kmalloc-1k", "kmalloc-192", "kmalloc (page allocator, order 2)", "kmalloc-32",
      ])
    let modern = WasteNaming(hasReclaimableCaches: true)
    #expect(try keys(trace, by: .cache, naming: modern).contains("kmalloc-rcl-32"))
    let old = WasteNaming(usesUnitSuffixes: false)
    #expect(try keys(trace, by: .cache, naming: old).contains("kmalloc-1024"))
  }

  @Test func slotsMadeLargerByDebuggingBelongToTheClassOfTheRequest() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 60, 320)
    trace.allocate(0x2000, 30, 128)
    trace.allocate(0x3000, 4096, 12288)
    #expect(try keys(trace, by: .cache) == ["kmalloc-64", "kmalloc-32", "kmalloc-4k"])
  }

  @Test func aClassWithPaddedSlotsKeepsItsName() throws {
    let padded = ScriptedTrace()
    padded.allocate(0x1000, 20, 32)
    padded.allocate(0x2000, 70, 128)
    #expect(try keys(padded, by: .cache) == ["kmalloc-32", "kmalloc-96"])
    let coarse = ScriptedTrace()
    coarse.allocate(0x1000, 20, 64)
    coarse.allocate(0x2000, 70, 128)
    #expect(try keys(coarse, by: .cache) == ["kmalloc-64", "kmalloc-128"])
  }

  @Test func anAllocatorWithoutClassesHasOneGroup() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 100, 108)
    trace.allocate(0x2000, 37, 45)
    trace.allocate(0x3000, 56, 64)
    trace.allocate(0x4000, 4090, 4096)
    #expect(
      try keys(trace, by: .cache) == ["kmalloc (no size classes)", "kmalloc (page allocator, order 0)"])
  }

  @Test func largeKmallocsAreGroupedByPageOrderAndTheRestIsSlab() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 4096, 4096)
    trace.allocate(0x2000, 5000, 8192)
    trace.allocate(0x4000, 20000, 32768)
    trace.allocate(0x10000, 5000, 8192, kind: .kmemCacheAlloc)
    #expect(try keys(trace, by: .order) == ["slab", "order 1", "order 3"])
  }

  @Test func subsystemsAreModulesOrDirectoriesByTheBeginningOfNames() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 1, 8, site: "ext4_alloc+0x1/0x20 [ext4]")
    trace.allocate(0x2000, 1, 8, site: "alloc_pipe_info+0x1/0x20")
    trace.allocate(0x3000, 1, 8, site: "__x64_sys_xyzzy+0x1/0x20")
    trace.allocate(0x4000, 1, 8, site: "tcp_v6_rcv+0x1/0x20")
    trace.allocate(0x5000, 1, 8, site: "kmemdup+0x1/0x20")
    trace.allocate(0x6000, 1, 8, site: "__ext4_new_inode.constprop.0+0x1/0x20")
    #expect(
      try keys(trace, by: .subsystem) == [
        "(a helper's callers)", "ext4 (module)", "fs", "fs/ext4", "kernel (subsystem unknown)", "net/ipv6",
      ])
  }

  @Test func aSourceMapTellsTheDirectoryOfEachFunction() throws {
    let texts = [
      "ffffffff81000000 T alloc_pipe_info\t/build/linux-6.1/fs/pipe.c:783\nffffffff81000010 t helper\t/usr/src/kernel/linux-6.1/mm/slub.c:1\n",
      "fs/pipe.o:0000000000000000 T alloc_pipe_info\nmm/slub.o:0000000000000010 t helper\nmm/slub.o:                 U printk\n",
      "\nFile: ./fs/pipe.o\n\nSymbol table '.symtab' contains 2 entries:\n   Num:    Value          Size Type    Bind   Vis      Ndx Name\n"
        + "     1: 0000000000000000    34 FUNC    GLOBAL DEFAULT    1 alloc_pipe_info\n"
        + "     2: 0000000000000000     0 NOTYPE  GLOBAL DEFAULT  UND helper\n\nFile: mm/built-in.a(slub.o)\n"
        + "     1: 0000000000000010    34 FUNC    LOCAL  DEFAULT    1 helper\n",
    ]
    for text in texts {
      var reader = SourceMapReader()
      reader.read(text.utf8)
      let map = reader.finish()
      #expect(map.count == 2)
      let trace = ScriptedTrace()
      trace.allocate(0x1000, 1, 8, site: "alloc_pipe_info+0x1/0x20")
      trace.allocate(0x2000, 1, 16, site: "helper+0x1/0x20")
      #expect(try keys(trace, by: .subsystem, naming: WasteNaming(sourceMap: map)) == ["mm", "fs"])
    }
  }

  @Test func aFunctionNameThatSeveralDirectoriesHaveTellsNone() {
    var reader = SourceMapReader()
    reader.read("fs/a.o:0 t init_once\nnet/b.o:0 t init_once\nfs/a.o:8 T open_it\n".utf8)
    let map = reader.finish()
    #expect(map.count == 1)
    #expect(map.directory(of: "init_once") == nil)
    #expect(map.directory(of: "open_it") == "fs")
  }

  @Test func behindAHelperTheCallerIsNamedWhereThereAreStacks() throws {
    let trace = ScriptedTrace()
    func stack(_ frames: String...) -> StackID { trace.stacks.intern(frames.map { trace.strings.intern($0) }) }
    for (index, caller) in ["selinux_a+0x4/0x90", "tcp_b+0x8/0x90", "tcp_b+0x8/0x90"].enumerated() {
      trace.add(.kmalloc) {
        $0.address = UInt64(index + 1) * 0x1000
        $0.requestedBytes = 40
        $0.allocatedBytes = 64
        $0.callSite = trace.strings.intern("kmemdup+0x1b/0x40")
        $0.stack = stack("__kmalloc_track_caller+0x1/0x2", "kmemdup+0x1b/0x40", caller, "entry+0x1/0x2")
      }
    }
    trace.allocate(0x9000, 1, 8, site: "kmemdup+0x1b/0x40")
    var analysis = WasteAnalysis(grouping: .callSite)
    analysis.findCallers(strings: trace.strings, stacks: trace.stacks)
    var cursor = TimeWindowCursor(.wholeTrace)
    var batch = EventBatch()
    while try trace.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: trace.strings, clock: .time) {
        analysis.consume(batch, part, strings: trace.strings)
      }
    }
    let groups = analysis.finish(strings: trace.strings).groups
    #expect(
      groups.map(\.key) == [
        "tcp_b+0x8/0x90 via kmemdup+0x1b/0x40", "selinux_a+0x4/0x90 via kmemdup+0x1b/0x40", "kmemdup+0x1b/0x40",
      ])
    #expect(groups.map(\.isWrapper) == [false, false, true])
  }

  @Test func tasksCPUsNodesSizesAndFlagsAreNamedAsTheTraceWritesThem() throws {
    let trace = ScriptedTrace()
    trace.add(.kmalloc) {
      $0.address = 0x1000
      $0.requestedBytes = 40
      $0.allocatedBytes = 64
      $0.cpu = 3
      $0.node = -1
      $0.pid = 66
      $0.comm = trace.strings.intern("kworker/0:1")
      $0.gfp = trace.strings.intern("GFP_NOFS")
    }
    #expect(try keys(trace, by: .task) == ["kworker/0:1-66"])
    #expect(try keys(trace, by: .cpu) == ["3"])
    #expect(try keys(trace, by: .node) == ["-1"])
    #expect(try keys(trace, by: .size) == ["40"])
    #expect(try keys(trace, by: .gfp) == ["GFP_NOFS"])
  }

  @Test func symbolsStandBesideRawCallSitesAndTellModules() throws {
    var reader = SymbolTableReader()
    reader.read("c104d000 T vfs_read\nc2000000 t do_it\t[brcm]\n".utf8)
    let naming = WasteNaming(symbols: reader.finish())
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 1, 8, site: "c104dd2f")
    trace.allocate(0x2000, 1, 16, site: "c2000010")
    let groups = try waste(trace, naming: naming).groups
    #expect(groups.map(\.key) == ["c2000010", "c104dd2f"])
    #expect(groups.map(\.symbol) == ["do_it+0x10 [brcm]", "vfs_read+0xd2f"])
    #expect(try keys(trace, by: .subsystem, naming: naming) == ["brcm (module)", "fs"])
  }
}
