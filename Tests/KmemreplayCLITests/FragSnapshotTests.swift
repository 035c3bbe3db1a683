import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite("frag of a snapshot alone") struct FragSnapshotTests {
  private func frag(_ arguments: String...) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(["frag"] + arguments, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private static let buddyInfo = """
    Node 0, zone   Normal    100     50     25      0      0      0      0      0      0      0      0\u{20}

    """

  private static let pageTypeInfo = """
    Page block order: 9
    Pages per block:  512

    Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10\u{20}
    Node    0, zone   Normal, type    Unmovable     10      0      5      0      0      0      0      0      0      0      0\u{20}
    Node    0, zone   Normal, type      Movable >100000     50     20      0      0      0      0      0      0      0      0\u{20}

    """

  @Test("an archive of one snapshot is reported as a directory of it is, packed or not, in every form")
  func archive() {
    let text = frag(CapturedSnapshots.sample)
    #expect(text.status == .done && text.errors.isEmpty)
    #expect(text.output.contains("Indices computed from buddyinfo, against the kernel's"))
    #expect(text.output.contains("Fragmentation index by order"))
    #expect(frag(CapturedSnapshots.sample, "--format", "markdown").output.contains("## What would happen now"))
    let json = frag(CapturedSnapshots.sample, "--format", "json").output
    #expect(json.contains("\"fragmentationIndex\"") && json.contains("\"byMigrateType\""))
    #expect(json.contains("\"equalLines\" : 3"))
  }

  @Test("an archive of several snapshots asks which one, and --label chooses")
  func labels() {
    let archive = SampleTraces.file("6.1-slub-smp2-rtnc/snapshots.tar.zst")
    let several = frag(archive)
    #expect(several.status == .failed && several.errors.contains("--label"))
    let one = frag(archive, "--label", "t1")
    #expect(one.status == .done && one.output.contains("Free blocks by order"))
    let trace = frag(SampleTraces.path("6.1-slub-smp1-script-s20k"), "--label", "t1")
    #expect(trace.status == .failed && trace.errors.contains("is a trace"))
  }

  @Test("one file is enough: buddyinfo, or pagetypeinfo with its lists added up, in a directory or alone")
  func oneFile() throws {
    let folder = try CapturedSnapshots.directory(["buddyinfo": Self.buddyInfo])
    defer { CapturedSnapshots.remove(folder) }
    for path in [folder, folder + "/buddyinfo"] {
      let result = frag(path)
      #expect(result.status == .done && result.output.contains("0.780"), "\(path)")
      #expect(result.output.contains("not in the snapshot: "))
    }
    let types = try CapturedSnapshots.directory(["pagetypeinfo": Self.pageTypeInfo])
    defer { CapturedSnapshots.remove(types) }
    let summed = frag(types)
    #expect(summed.status == .done && summed.output.contains("100010"))
    #expect(summed.output.contains(">100000"))
    #expect(summed.output.contains("stopped counting at 100,000"))
  }

  @Test("a snapshot that says nothing of free blocks is refused with what it has")
  func nothing() throws {
    let folder = try CapturedSnapshots.directory(["meminfo": "MemTotal:         235700 kB\n"])
    defer { CapturedSnapshots.remove(folder) }
    let result = frag(folder)
    #expect(result.status == .failed && result.errors.contains("it has meminfo"))
    #expect(result.errors.contains("frag needs buddyinfo or pagetypeinfo"))
  }

  @Test("thresholds hold for a snapshot as for a trace; options of a trace are refused")
  func gates() throws {
    #expect(frag(CapturedSnapshots.sample, "--fail-on", "zones.DMA32.freePages>1").status == .thresholdExceeded)
    #expect(frag(CapturedSnapshots.sample, "--fail-on", "zones.DMA32.freePages<1").status == .done)
    let mixed = frag(CapturedSnapshots.sample, "--after", CapturedSnapshots.sample)
    #expect(mixed.status == .failed && mixed.errors.contains("--diff"))
  }
}
