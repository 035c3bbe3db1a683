import ArgumentParser
import KernelTypes

/// SLUB's boot options and build settings, each as it is in the profile unless it is given.
struct SLUBSettings: Hashable {
  var minimumOrder: Int?
  var maximumOrder: Int?
  var minimumObjects: Int?
  var hasNoPerCPUPartial = false
  var debugFlags: SLUBDebugFlags?
  var isTiny = false
  var randomisesFreelist = false

  /// Throws `ValidationError` if a value can't be or values contradict each other; `option` names one by its last words.
  func validate(_ option: (String) -> String) throws {
    for (name, value) in [("min-order", minimumOrder), ("max-order", maximumOrder)] {
      if let value, !(0...10).contains(value) {
        throw ValidationError("\(option(name)) \(value) is no order; expected 0 to 10.")
      }
    }
    if let least = minimumOrder, least > maximumOrder ?? 3 {
      throw ValidationError("\(option("min-order")) \(least) is above \(option("max-order")) \(maximumOrder ?? 3).")
    }
    if let minimumObjects, !(0...65535).contains(minimumObjects) {
      throw ValidationError("\(option("min-objects")) \(minimumObjects) is out of range; expected 0 to 65535.")
    }
  }

  /// Puts the settings into a profile.
  func apply(to profile: inout KernelProfile) {
    if isTiny { profile.slub.useTiny() }
    if randomisesFreelist { profile.slub.randomisesFreelist = true }
    if let debugFlags { profile.slub.debugFlags = debugFlags }
    if let minimumOrder { profile.slub.minimumOrder = minimumOrder }
    if let maximumOrder { profile.slub.maximumOrder = maximumOrder }
    if let minimumObjects { profile.slub.minimumObjects = minimumObjects }
    if hasNoPerCPUPartial { profile.slub.hasPerCPUPartial = false }
  }

  /// Reads `slub_debug`'s letters, or `-` for none. Throws `ValidationError`.
  static func debugFlags(_ text: String, _ option: String) throws -> SLUBDebugFlags {
    guard let flags = text == "-" ? [] : SLUBDebugFlags(letters: text) else {
      throw ValidationError("\(option) \(text): expected letters out of F, Z, P, U, or - for none.")
    }
    return flags
  }
}

extension SLUBSettings {
  /// What a kernel was told when it started: `slub_max_order=`, `slub_min_order=`, `slub_min_objects=`, each also as
  /// `slab_…` (6.9 and later). `slub_debug` is left to the sizes in the trace: it may be for some caches only.
  init(kernelParameters: [String]) {
    for parameter in kernelParameters {
      let parts = parameter.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let number = Int(parts[1]), number >= 0 else { continue }
      switch parts[0] {
      case "slub_max_order", "slab_max_order": maximumOrder = min(number, 10)
      case "slub_min_order", "slab_min_order": minimumOrder = min(number, 10)
      case "slub_min_objects", "slab_min_objects": minimumObjects = min(number, 65535)
      default: continue
      }
    }
    if let least = minimumOrder, let most = maximumOrder, least > most { minimumOrder = most }
  }
}
