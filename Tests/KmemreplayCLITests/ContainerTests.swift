import FoundationEssentials
import KernelTypes
import KmemreplayCLI
import TestSupport
import Testing
import TraceEvents
import TraceInput

/// The commands on containers other than ftrace text.
@Suite struct ContainerTests {
  private static let perf = SampleTraces.file("6.18-slub-smp2-perf/")

  /// The sums of `waste`, with the times of the peaks.
  private func sums(_ path: String) -> [String] {
    let result = run("waste", path, "--format", "json", "--top", "1")
    #expect(result.status == .done, "\(result.errors)")
    let lines = result.output.split(separator: "\n").map(String.init)
    return ["live", "peak", "peakWaste", "total"].flatMap { name -> [String] in
      guard let start = lines.firstIndex(of: "  \"\(name)\" : {") else { return [] }
      return Array(lines[start...].prefix { !$0.hasPrefix("  }") })
    }
  }

  @Test(arguments: ["file", "pipe-z"])
  func perfDataHasTheSumsOfItsText(name: String) {
    let direct = sums(Self.perf + name + ".data.zst")
    #expect(direct == sums(Self.perf + name + ".txt.zst"))
    #expect(direct.count > 16)
  }

  @Test func perfettoHasTheSumsOfItsText() throws {
    let capture = SampleTraces.path("6.1-slub-smp2-script-s20k")
    let trace = try readAll(TraceInput.open(path: capture))
    for packing in [PerfettoWriter.Packing.none, .zlib] {
      var writer = PerfettoWriter(packing: packing)
      writer.addSystemInfo(release: "6.1.192", cpuCount: 2)
      writer.add(trace, gfp: { _ in 0xCC0 }, callSites: { UInt64(trace.strings.find($0)?.rawValue ?? 0) })
      writer.flush()
      let path = FileManager.default.temporaryDirectory.path + "/kmemreplay-" + UUID().uuidString
      try Data(writer.bytes).write(to: URL(filePath: path))
      defer { try? FileManager.default.removeItem(atPath: path) }
      #expect(sums(path) == sums(capture))
      let replay = run("replay", path, "--format", "json")
      #expect(replay.status == .done)
      #expect(replay.output.contains("\"container\" : \"perfetto\""))
      #expect(run("frag", path).status == .done)
    }
  }

  @Test func everyCommandReadsPerfData() {
    for command in ["info", "waste", "replay"] {
      let result = run(command, Self.perf + "file.data.zst", "--format", "json")
      #expect(result.status == .done, "\(command): \(result.errors)")
      #expect(result.output.contains("\"container\" : \"perf-data\""))
      #expect(result.output.contains("\"kernel\" : \"6.18\""))
    }
    #expect(run("info", Self.perf + "file.data.zst").output.contains("records"))
  }

  @Test func logsOfSlubDebugSayWhatTheyDoNotHave() {
    let path = SampleTraces.file("6.1-slub-smp1-slubdebug/dmesg.txt.zst")
    let json = run("info", path, "--format", "json").output
    #expect(json.contains("\"container\" : \"slub-debug-log\""))
    #expect(json.contains("\"assumedRequests\" :"))
    #expect(run("waste", path).output.contains("requested sizes the log does not have"))
  }
}
