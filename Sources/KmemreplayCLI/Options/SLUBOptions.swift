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

  func validate() throws {
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
    if let slubMinOrder { profile.slub.minimumOrder = slubMinOrder }
    if let slubMaxOrder { profile.slub.maximumOrder = slubMaxOrder }
    if let slubMinObjects { profile.slub.minimumObjects = slubMinObjects }
    if slubNoCpuPartial { profile.slub.hasPerCPUPartial = false }
  }
}
