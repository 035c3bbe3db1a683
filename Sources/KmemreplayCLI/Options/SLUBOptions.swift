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
      "SLUB's slub_debug for all caches, some of FZPU, or - for none (default: what the trace's sizes show).",
      valueName: "letters"))
  var slubDebug: String?

  @Flag(name: .long, help: "SLUB as CONFIG_SLUB_TINY builds it (6.2 and later).")
  var slubTiny = false

  @Flag(
    name: .long,
    help: "The trace's SLUB chained new slabs in random order (CONFIG_SLAB_FREELIST_RANDOM): slabs are graded, not slots.")
  var slubFreelistRandom = false

  func validate() throws {
    if let slubDebug, slubDebug != "-", SLUBDebugFlags(letters: slubDebug) == nil {
      throw ValidationError("--slub-debug \(slubDebug): expected letters out of F, Z, P, U, or - for none.")
    }
    for (name, value) in [("--slub-min-order", slubMinOrder), ("--slub-max-order", slubMaxOrder)] {
      if let value, !(0...10).contains(value) {
        throw ValidationError("\(name) \(value) is no order; expected 0 to 10.")
      }
    }
    if let least = slubMinOrder, least > slubMaxOrder ?? 3 {
      throw ValidationError("--slub-min-order \(least) is above --slub-max-order \(slubMaxOrder ?? 3).")
    }
    if let slubMinObjects, !(0...65535).contains(slubMinObjects) {
      throw ValidationError("--slub-min-objects \(slubMinObjects) is out of range; expected 0 to 65535.")
    }
  }

  /// Puts the options into a profile.
  func apply(to profile: inout KernelProfile) {
    if slubTiny { profile.slub.useTiny() }
    if slubFreelistRandom { profile.slub.randomisesFreelist = true }
    if let slubDebug { profile.slub.debugFlags = SLUBDebugFlags(letters: slubDebug) ?? [] }
    if let slubMinOrder { profile.slub.minimumOrder = slubMinOrder }
    if let slubMaxOrder { profile.slub.maximumOrder = slubMaxOrder }
    if let slubMinObjects { profile.slub.minimumObjects = slubMinObjects }
    if slubNoCpuPartial { profile.slub.hasPerCPUPartial = false }
  }
}
