import KmemreplayCLI
import TestSupport
import Testing

@Suite("replay on the command line") struct ReplayCommandTests {
  private func replay(_ capture: String, _ options: String...) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(
      ["replay", SampleTraces.path(capture)] + options, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  @Test("the verification of a SLUB script is complete and right, in text and JSON")
  func graded() {
    let text = replay("6.1-slub-smp2-script-s20k")
    #expect(text.status == .done && text.errors.isEmpty)
    let row = text.output.split(separator: "\n").first { $0.contains("object address ") }
    #expect(row?.split(separator: " ").dropFirst(2).prefix(4) == ["8,481", "8,481", "100", "%"])
    #expect(text.output.contains("2 CPUs"))
    let json = replay("6.1-slub-smp2-script-s20k", "--format", "json").output
    #expect(json.contains("\"schema\" : \"kmemreplay.replay/1\""))
    #expect(json.contains("\"checked\" : 8481,\n      \"matched\" : 8481"))
  }

  @Test("traces of SLAB and SLOB kernels are replayed through SLUB without grades", arguments: ["slab", "slob"])
  func otherAllocators(allocator: String) {
    let result = replay("6.1-\(allocator)-smp1-script-s20k")
    #expect(result.status == .done)
    #expect(result.output.contains("Not graded: this trace was made by \(allocator.uppercased())"))
    #expect(result.output.contains("SLUB needs"))
  }

  @Test("smaller slabs need more blocks of order 0 and leave fewer free slots")
  func whatIf() throws {
    func freeSlots(_ options: String...) throws -> Int {
      let output = MemorySink()
      _ = CommandRunner.run(
        ["replay", SampleTraces.path("6.1-slub-smp1-script-s20k"), "--format", "json"] + options,
        in: CommandEnvironment(output: output, errors: MemorySink()))
      let line = try #require(output.text.split(separator: "\n").first { $0.contains("\"freeSlots\"") })
      return try #require(Int(line.filter(\.isNumber)))
    }
    #expect(try freeSlots("--slub-max-order", "0") < freeSlots())
  }

  @Test("a window grades only what lies inside, on state built up before")
  func window() {
    let whole = replay("6.1-slub-smp1-script-s20k", "--format", "json").output
    let part = replay("6.1-slub-smp1-script-s20k", "--format", "json", "--from", "mark:snap-begin peak1").output
    #expect(whole.contains("\"checked\" : 10379"))
    #expect(!part.contains("\"checked\" : 10379"))
    #expect(part.contains("WL snap-end peak1") && !part.contains("WL snap-begin t0"))
  }

  @Test("options that make no sense are usage errors")
  func usage() {
    #expect(replay("6.1-slub-smp1-script-s20k", "--slub-max-order", "11").status == .usage)
    #expect(replay("6.1-slub-smp1-script-s20k", "--slub-min-order", "4").status == .usage)
    #expect(replay("6.1-slub-smp1-script-s20k", "--allocator", "slib").status == .usage)
    #expect(replay("6.1-slub-smp1-script-s20k", "--format", "csv").status == .usage)
  }

  @Test("a trace with page events alone can't be replayed, and the message says what to record")
  func pageEventsOnly() {
    let result = replay("6.1-slub-smp1-stack")
    #expect(result.status == .failed)
    #expect(result.errors.contains("trace-cmd record -e kmem"))
  }
}
