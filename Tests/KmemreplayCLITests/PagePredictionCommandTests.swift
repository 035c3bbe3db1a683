import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite("--pages model on the command line") struct PagePredictionCommandTests {
  private func result(_ arguments: [String]) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private let trace = SampleTraces.path("6.1-slub-smp1-script-s20k")
  private var options: [String] {
    let lists = SampleTraces.file("6.1-slub-smp1-script-s20k/free-lists.tar.zst")
    return [
      "--pages", "model", "--before", lists, "--before-label", "t0", "--before-at", "mark:snap-end t0",
    ]
  }

  @Test("frag grades frames, and the lists at the end, in every format")
  func frag() {
    let lists = SampleTraces.file("6.1-slub-smp1-script-s20k/free-lists.tar.zst")
    let arguments =
      ["frag", trace] + options + ["--after", lists, "--after-label", "t1", "--after-at", "mark:snap-begin t1"]
    let text = result(arguments)
    #expect(text.status == .done && text.output.contains("Page frames: 135 of 135 predicted (100.00 %)."))
    #expect(text.output.contains("free lists at the end, in order"))
    let json = result(arguments + ["--format", "json"]).output
    #expect(json.contains("\"pageFrame\"") && json.contains("\"checked\" : 135") && json.contains("\"pagetypeinfo\""))
    #expect(result(arguments + ["--format", "markdown"]).output.contains("## Page frames chosen by the model"))
  }

  @Test("replay grades frames beside its own answers")
  func replay() {
    let text = result(["replay", trace] + options)
    #expect(text.status == .done && text.output.contains("Page frames: "))
    #expect(text.output.contains("Start of the model: free lists in their order, from a dump."))
    let json = result(["replay", trace, "--format", "json"] + options).output
    #expect(json.contains("\"pageFrame\" : {"))
  }

  private func frames(_ result: CommandResult) -> (right: UInt64, all: UInt64)? {
    struct Document: Decodable {
      struct Verification: Decodable {
        struct Frames: Decodable {
          var checked: UInt64
          var matched: UInt64
        }
        var pageFrame: Frames
      }
      var verification: Verification
    }
    let document = try? JSONDecoder().decode(Document.self, from: Data(result.output.utf8))
    return document.map { ($0.verification.pageFrame.matched, $0.verification.pageFrame.checked) }
  }

  @Test("a boot capture starts from the memory map in iomem, and nearly every frame is right")
  func boot() throws {
    let trace = SampleTraces.path("6.1-slub-smp1-boot")
    let arguments = ["frag", trace, "--pages", "model", "--after", CapturedSnapshots.sample]
    let json = result(arguments + ["--format", "json"])
    #expect(json.status == .done && json.output.contains("\"memoryMap\" : \"ioMemory\""))
    let grade = try #require(frames(json))
    #expect(grade.all == 21_539 && (grade.all - grade.right) * 1000 <= grade.all)
    let text = result(arguments).output
    #expect(
      text.contains("Start of the model: the memory map in iomem, 65,402 pages; not handed over: 158 of the first MiB"))
    #expect(text.contains("inferred from the trace's events and kpageflags after"))
  }

  @Test("without any map the trace's own frames stand in, which the report says")
  func bootWithoutMap() throws {
    let trace = SampleTraces.path("6.1-slub-smp2-boot")
    let json = result(["frag", trace, "--pages", "model", "--format", "json"])
    #expect(json.status == .done && json.output.contains("\"memoryMap\" : \"trace\""))
    let grade = try #require(frames(json))
    #expect(grade.all == 26_743 && grade.right * 100 >= grade.all * 95)
  }

  @Test("a memory map is a file of messages or iomem, and nothing else")
  func memoryMap() throws {
    let folder = try CapturedSnapshots.directory([
      "iomem": "00001000-0009fbff : System RAM\n00100000-0ffdbfff : System RAM\n",
      "zeros": "00000000-00000000 : System RAM\n", "late": "[  812.000001] usb 1-1: new device\n",
    ])
    defer { CapturedSnapshots.remove(folder) }
    func frag(_ file: String, _ more: String...) -> CommandResult {
      result(["frag", trace, "--pages", "model", "--memory-map", folder + "/" + file] + more)
    }
    // The user says that this trace begins at boot: nothing else is known, and nothing fails.
    #expect(frag("iomem").status == .done)
    let zeros = frag("zeros")
    #expect(zeros.status == .failed && zeros.errors.contains("as root"))
    let late = frag("late")
    #expect(late.status == .failed && late.errors.contains("no memory map"))
    #expect(frag("absent").status == .failed)
    #expect(frag("iomem", "--before", CapturedSnapshots.sample).status == .usage)
    #expect(result(["frag", trace, "--memory-map", folder + "/iomem"]).status == .usage)
  }

  @Test("from kpageflags alone, what the trace tells of the start is not graded, and the rest is right")
  func pageFlags() throws {
    let archive = SampleTraces.file("6.1-slub-smp2-rtnc/snapshots.tar.zst")
    let json = result([
      "frag", SampleTraces.path("6.1-slub-smp2-rtnc"), "--pages", "model", "--before", archive, "--before-label", "t0",
      "--before-at", "mark:snap-end t0", "--after", archive, "--after-label", "t1", "--after-at",
      "mark:snap-begin t1", "--format", "json",
    ])
    let grade = try #require(frames(json))
    #expect(grade.all == 16_752 && grade.right == grade.all)
    #expect(json.output.contains("\"toldByTrace\" : 296"))
  }

  @Test("without a snapshot, with one that doesn't tell, or without page events there is a clear message")
  func noStart() throws {
    let none = result(["frag", trace, "--pages", "model"])
    #expect(none.status == .failed && none.errors.contains("--before"))
    let folder = try CapturedSnapshots.directory(["meminfo": "MemTotal:         235700 kB\n"])
    defer { CapturedSnapshots.remove(folder) }
    let poor = result(["frag", trace, "--pages", "model", "--before", folder])
    #expect(poor.status == .failed && poor.errors.contains("kpageflags"))
    #expect(result(["frag", trace, "--before-at", "1"]).status == .usage)
  }
}
