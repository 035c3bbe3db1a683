import TestSupport
import Testing

@testable import ProcSnapshots

/// Forms of the files that the captures don't have.
@Suite struct EraTests {
  /// Reads a text, and expects it to print back the same.
  private func read<File: KernelFile>(_ type: File.Type, _ text: String) throws -> File {
    let file = try File(parsing: FileContent(name: "file", text: text))
    #expect(file.text == text)
    #expect(file.damage.isNone)
    return file
  }

  @Test func cappedCountsKeepTheirSign() throws {
    let row = "Node    0, zone   Normal, type      Movable >100000      7 \n"
    let file = try read(
      PageTypeInfo.self,
      "Page block order: 9\nPages per block:  512\n\nFree pages count per migrate type at order       0      1 \n" + row
    )
    #expect(file.freeLists[0].freeBlocks == [.init(100_000, isCapped: true), .init(7)])
  }

  @Test func indicesHaveTheirSignWhereCPutsIt() throws {
    let new = try read(FragmentationIndexFile.self, "Node 0, zone      DMA -1.000  0.-500  0.-50  0.813  0.000 \n")
    #expect(new.zones[0].index == [-1000, -500, -50, 813, 0])
    let old = try read(FragmentationIndexFile.self, "Node 0, zone   Normal -1.000 0.-500 0.813 \n")
    #expect(old.zones[0].index == [-1000, -500, 813])
    #expect(FragmentationIndexFile.text(-1250, wholeWidth: 2) == "-1.-250")
  }

  @Test func slabWithStatisticsHasTwoMoreGroups() throws {
    let text =
      "slabinfo - version: 2.1 (statistics)\n"
      + "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
      + " : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>"
      + " : globalstat <listallocs> <maxobjs> <grown> <reaped> <error> <maxfreeable> <nodeallocs> <remotefrees>"
      + " <alienoverflow> : cpustat <allochit> <allocmiss> <freehit> <freemiss>\n"
      + "dentry              5658   5964    192   21    1 : tunables  120   60    8 : slabdata    284    284      0"
      + " : globalstat    9000   5964   284    0    0    0    0    0    0 : cpustat   7000    400   1500     30\n"
    let file = try read(SlabInfo.self, text)
    #expect(file["dentry"]?.statistics?.cpu == [7000, 400, 1500, 30])
    #expect(file["dentry"]?.tunables == [120, 60, 8])
  }

  @Test func zoneinfoOfOldKernelsKeepsItsLinesInOrder() throws {
    let file = try read(
      ZoneInfo.self,
      """
      Node 0, zone   Normal
        pages free     1000
              min      10
              low      12
              high     15
              scanned  0
              spanned  4096
              present  4000
          nr_free_pages 1000
              protection: (0, 0, 349, 349)
        pagesets
          cpu: 0
                    count: 7
                    high:  186
                    batch: 31
        vm stats threshold: 6
        all_unreclaimable: 0
        start_pfn:         0
        inactive_ratio:    1

      """)
    let zone = file.zones[0]
    #expect(zone["free"] == 1000)
    #expect(zone["inactive_ratio"] == 1)
    #expect(zone.protection == [0, 0, 349, 349])
    #expect(zone.pageSets.first?.high == 186)
  }

  @Test func vmallocAreasHaveCallersModulesNodesAndNoCallers() throws {
    let file = try read(
      VmallocInfo.self,
      """
      0x00000000353fdc9b-0x000000003a24729c   20480 load_module+0x1/0x2 [nf tables]x pages=4 vmalloc N0=3 N1=1
      0xd0800000-0xd0802000    8192 0xc0012345 phys=c0000000 ioremap
      0xffffc90000100000-0xffffc90000105000   20480 unpurged vm_area
      0xffffc90000200000-0xffffc90000205000   20480 vm_map_ram

      """.replacing("[nf tables]x", with: "[nf_tables]"))
    #expect(file.areas[0].caller == "load_module+0x1/0x2 [nf_tables]")
    #expect(file.areas[0].pages == 4)
    #expect(file.areas[0].attributes.last == .node(1, pages: 1))
    #expect(file.areas[2].isUnpurged)
    #expect(file.areas[3].isMapRAM)
    #expect(file.hasHiddenAddresses)
  }

  @Test func zerosForOrdinaryReadersAreKnownAsSuch() throws {
    let memory = try read(IOMemory.self, "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n")
    #expect(memory.isHidden)
    #expect(memory.regions[1].depth == 1)
  }

  @Test func swapAreasOfBothWidths() throws {
    let path = "/swap\\040file"
    let wide = try read(
      Swaps.self,
      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" + path
        + String(repeating: " ", count: 40 - path.utf8.count) + "file\t\t12345678\t0\t\t-2\n")
    #expect(wide.areas[0].sizeKilobytes == 12_345_678)
    let narrow = try read(
      Swaps.self,
      "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n/dev/sda2                               partition\t1000\t0\t-1\n")
    #expect(narrow.areas[0].priority == -1)
  }

  @Test func pageOwnerOfThreeEras() throws {
    let file = try read(
      PageOwner.self,
      """
      Page allocated via order 0, mask 0xcc0(GFP_KERNEL), pid 1, ts 9 ns, free_ts 0 ns
      PFN 4096 type Unmovable Block 8 type Unmovable Flags 0x0()
       prep_new_page+0x17/0x43

      Page allocated via order 1, mask 0x0(), pid 66, tgid 66 (a), ts 1), ts 12 ns
      PFN 0x1000 type Movable Block 8 type Unmovable Flags 0x4000(lru|zone=1)
       a+0x1/0x2
      Page has been migrated, last migrate reason: compaction
      Charged to memcg x

      Page allocated via order 2, mask 0x2400(x)
      PFN 5 type Movable Block 0 type Movable Flags 0x0()


      """)
    #expect(file.records.map(\.order) == [0, 1, 2])
    #expect(file.records[1].frame == 0x1000)
    #expect(file.records[1].lines.count == 3)
    #expect(file.records[2].pid == nil)
  }

  @Test func allocationProfileHasNegativeBytesAndModules() throws {
    let file = try read(
      AllocInfo.self,
      "allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n"
        + "       -4096        1 mm/slub.c:2310 func:alloc_slab_page \n"
        + "        1024       16 drivers/a.c:7 [a_module] func:probe \n")
    #expect(file.sites.map(\.bytes) == [-4096, 1024])
    #expect(file.sites[1].function == "probe")
  }

  @Test func settingsComeFromSysctlAsWellAsFromGrep() throws {
    let assigned = try read(
      SysctlVM.self, "kernel.ostype = Linux\nvm.lowmem_reserve_ratio = 256\t256\t32\t0\nvm.x = \n")
    #expect(assigned.numbers("lowmem_reserve_ratio") == [256, 256, 32, 0])
    #expect(assigned["kernel.ostype"] == "Linux")
    let listed = try read(SysctlVM.self, "./swappiness:60\n./page-cluster:3\n")
    #expect(listed.number("swappiness") == 60)
  }

  @Test func pageMapEntriesTellFramesAndSwap() throws {
    let words: [UInt64] = [1 << 63 | 1 << 56 | 0x22dd, 1 << 62 | 5 << 5 | 1, 0]
    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    let map = try ProcessPageMap(parsing: FileContent(name: "pagemap", bytes: bytes + [1, 2]))
    #expect(map[0].frame == 0x22dd)
    #expect(map[0].isExclusive)
    #expect(map[1].swap?.area == 1)
    #expect(map[1].swap?.offset == 5)
    #expect(!map[2].isPresent)
    #expect(map.damage.isCutShort)
    #expect(map.bytes == bytes + [1, 2])
  }

  @Test func pathsThatAreNoUTF8StayAsTheyAre() throws {
    let line = "00400000-00401000 r--p 00000000 00:02 8                                  /bin/\u{1}x\n"
    var bytes = Array(line.utf8)
    bytes[bytes.count - 3] = 0xFF
    let maps = try ProcessMaps(parsing: FileContent(name: "maps", bytes: bytes))
    #expect(maps.bytes == bytes)
  }
}

@Suite("The kernel's messages") struct BootLogTests {
  private static let text = """
    [    0.000000] Linux version 6.1.192 (root@vm) #1 SMP
    [    0.000000] BIOS-provided physical RAM map:
    [    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
    [    0.000000] BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved
    [    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000000ffdbfff] usable
    <6>[    0.014838][    T0] RAMDISK: [mem 0x0fcd4000-0x0ffcffff]
    [    0.018094] Zone ranges:
    [    0.018114]   DMA      [mem 0x0000000000001000-0x0000000000ffffff]
    [    0.018164]   DMA32    [mem 0x0000000001000000-0x000000000ffdbfff]
    [    0.018170]   Normal   empty
    [    0.018201] Early memory node ranges
    [    0.018217]   node   0: [mem 0x0000000000001000-0x000000000009efff]
    [    0.018299]   node   0: [mem 0x0000000000100000-0x000000000ffdbfff]
    [    0.062111] Memory: 234460K/261608K available (6148K kernel code, 26892K reserved, 0K cma-reserved)

    """

  @Test("memory, zones, initial disk and what was handed over are read, with or without time, level and thread")
  func reads() throws {
    for drops in [false, true] {
      let lines = Self.text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
        guard drops, line.hasPrefix("["), let end = line.firstIndex(of: "]") else { return line }
        return line[line.index(end, offsetBy: 2)...]
      }
      let log = try BootLog(parsing: FileContent(name: "dmesg", text: lines.joined(separator: "\n")))
      #expect(log.usable == [0..<0x9FC00, 0x10_0000..<0xFFD_C000])
      #expect(log.nodeMemory == [0x1000..<0x9F000, 0x10_0000..<0xFFD_C000])
      #expect(log.zones.map(\.name) == ["DMA", "DMA32"])
      #expect(log.zones.last?.addresses == 0x100_0000..<0xFFD_C000)
      if !drops { #expect(log.initialDisk == 0xFCD_4000..<0xFFD_0000) }
      #expect(log.summary == .init(available: 234_460, total: 261_608))
    }
  }

  @Test("messages without a map say so, numbers that make no range are passed over, other text is refused")
  func poor() throws {
    let late = try BootLog(
      parsing: FileContent(name: "dmesg", text: "[  812.000001] usb 1-1: new device\n[  813.000000] eth0: up\n"))
    #expect(late.lacksMap && late.zones.isEmpty && late.summary == nil)
    let odd = try BootLog(
      parsing: FileContent(
        name: "dmesg",
        text: "[    0.000000] BIOS-e820: [mem 0x00000000000a0000-0x0000000000001000] usable\n"
          + "[    0.000000] BIOS-e820: [mem 0xffffffffffffffffff-0x1] usable\n[    0.1] Memory: K/K available\n"))
    #expect(odd.lacksMap && odd.summary == nil)
    #expect(throws: SnapshotError.self) {
      try BootLog(parsing: FileContent(name: "dmesg", text: "Node 0, zone DMA 1 2 3\n"))
    }
  }

  @Test("the messages beside several snapshots belong to each of them, and are none by themselves")
  func shared() throws {
    let folder = try CapturedSnapshots.directory([
      "dmesg.txt": Self.text, "before/meminfo": "MemTotal:         235700 kB\n",
      "after/meminfo": "MemTotal:         235700 kB\n",
    ])
    defer { CapturedSnapshots.remove(folder) }
    let after = try SnapshotReader.read(path: folder, label: "after")
    #expect(after.memInfo != nil && after.bootLog?.nodeMemory.count == 2)
    #expect(throws: SnapshotError.self) { try SnapshotReader.read(path: folder) }
  }
}

@Suite("Columns too many") struct ColumnTests {
  private let row =
    "Node 0, zone   Normal      1      2      3      4      5      6      7      8      9     10     11 \n"

  @Test("a line with a column too many is left out wherever it stands, and the others are used")
  func buddyInfo() throws {
    let damaged = row.replacing("Normal", with: "DMA32 ").replacing(" 11 \n", with: " 11      7 \n")
    for text in [damaged + row, row + damaged] {
      let info = try BuddyInfo(parsing: FileContent(name: "buddyinfo", text: text))
      #expect(info.zones.map(\.id.zone) == ["Normal"] && info.damage.linesLeftOut == 1)
    }
  }

  @Test("in pagetypeinfo too")
  func pageTypeInfo() throws {
    let head = "Page block order: 9\nPages per block:  512\n\nFree pages count per migrate type at order       0 \n"
    let list =
      "Node    0, zone   Normal, type    Movable" + (1...11).map { "      \($0)" }.joined() + " \n"
    let damaged = list.replacing("  Movable", with: "Unmovable").replacing(" 11 \n", with: " 11 3 \n")
    let info = try PageTypeInfo(parsing: FileContent(name: "pagetypeinfo", text: head + damaged + list))
    #expect(info.freeLists.map(\.type) == ["Movable"] && info.damage.linesLeftOut == 1)
  }

  @Test("pagetypeinfo of several nodes has everything once for each, and is printed so")
  func pageTypeInfoOfNodes() throws {
    func node(_ number: Int, _ zone: String) -> String {
      "Page block order: 9\nPages per block:  512\n\n"
        + "Free pages count per migrate type at order       0      1 \n"
        + "Node    \(number), zone \(zone), type    Unmovable      \(number)      5 \n"
        + "Node    \(number), zone \(zone), type      Movable      7 >100000 \n\n"
        + "Number of blocks type     Unmovable      Movable \n"
        + "Node \(number), zone \(zone)            1           3\(number) \n"
    }
    let text = node(0, "  Normal") + node(1, "  Normal")
    let info = try PageTypeInfo(parsing: FileContent(name: "pagetypeinfo", text: text))
    #expect(info.damage.linesLeftOut == 0)
    #expect(info.freeLists.map(\.id.node) == [0, 0, 1, 1])
    #expect(info.blocks?.rows.map(\.id.node) == [0, 1])
    #expect(info.blocks?.rows.map { $0.blocks.last } == [30, 31])
    #expect(String(decoding: info.bytes, as: UTF8.self) == text)
  }

  @Test("each frame of kpageflags has one use")
  func uses() throws {
    let words: [UInt64] = [1 << 20, 1 << 10, 1 << 7, 1 << 26, 1 << 5 | 1 << 12, 1 << 5, 1 << 32, 0]
    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
    let flags = try KPageFlags(parsing: FileContent(name: "kpageflags", bytes: bytes))
    for use in KPageFlags.Use.allCases { #expect(flags.uses[use] == 1) }
  }
}
