import KernelTypes
import TraceEvents

/// Says which kmalloc class a kmalloc event asks for, with the flags' meaning worked out once for each distinct text.
struct RequestClassifier {
  let classes: SizeClasses
  private let strings: StringInterner
  // The variant of each gfp text by StringID; −1 where not yet worked out.
  private var variants: [Int8] = []

  init(profile: KernelProfile, strings: StringInterner) {
    classes = SizeClasses(policy: profile.kmalloc)
    self.strings = strings
  }

  /// The copy of a class that requests with these flags use.
  @inline(__always)
  mutating func variant(gfp: StringID) -> Int {
    if gfp.index < variants.count, variants[gfp.index] >= 0 { return Int(variants[gfp.index]) }
    return learn(gfp)
  }

  @inline(never)
  private mutating func learn(_ gfp: StringID) -> Int {
    while variants.count <= gfp.index { variants.append(-1) }
    let variant = classes.variant(flags: GFPFlags(parsing: strings.string(gfp))).rawValue
    variants[gfp.index] = Int8(variant)
    return variant
  }

  /// The kmalloc class a cache's name stands for, if it is one of them.
  func kmallocIdentity(named name: StringID) -> CacheEvidence.Identity? {
    let text = strings.string(name)
    guard text.contains("kmalloc") else { return nil }
    for index in classes.sizes.indices {
      for variant in SizeClasses.Variant.allCases where classes.name(index: index, variant: variant) == text {
        return .kmalloc(sizeClass: index, variant: variant.rawValue)
      }
    }
    return nil
  }
}
