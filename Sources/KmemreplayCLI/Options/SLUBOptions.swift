import ArgumentParser
import KernelTypes

/// SLUB's boot options, for kernels that were booted with them, or to see what they would do.
struct SLUBOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("SLUB's slub_min_order (default: 0).", valueName: "order"))
  var slubMinOrder: Int?

  @Option(name: .long, help: ArgumentHelp("SLUB's slub_max_order (default: 3).", valueName: "order"))
  var slubMaxOrder: Int?

  @Option(
    name: .long, help: ArgumentHelp("SLUB's slub_min_objects (default: by the number of CPUs).", valueName: "n"))
  var slubMinObjects: Int?

  @Flag(name: .long, help: "SLUB without lists of partly used slabs per CPU (CONFIG_SLUB_CPU_PARTIAL off).")
  var slubNoCpuPartial = false

  @Option(
    name: .long,
    help: ArgumentHelp(
      "SLUB's slub_debug for all caches, some of FZPU, or - for none (default: what sizes in the trace show).",
      valueName: "letters"))
  var slubDebug: String?

  @Flag(name: .long, help: "SLUB as CONFIG_SLUB_TINY builds it (6.2 and later).")
  var slubTiny = false

  @Flag(
    name: .long,
    help:
      "New slabs hand out their objects in random order (default: what the trace shows). Slabs are graded, not slots.")
  var slubFreelistRandom = false

  func validate() throws { try settings().validate { "--slub-" + $0 } }

  /// What was given. Throws `ValidationError` if the letters of `--slub-debug` are none.
  func settings() throws -> SLUBSettings {
    SLUBSettings(
      minimumOrder: slubMinOrder, maximumOrder: slubMaxOrder, minimumObjects: slubMinObjects,
      hasNoPerCPUPartial: slubNoCpuPartial,
      debugFlags: try slubDebug.map { try SLUBSettings.debugFlags($0, "--slub-debug") }, isTiny: slubTiny,
      randomisesFreelist: slubFreelistRandom)
  }
}
