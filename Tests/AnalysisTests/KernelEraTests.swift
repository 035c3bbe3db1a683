import Analysis
import KernelTypes
import Testing
import TraceEvents

@Suite struct KernelEraTests {
  private func era(_ features: EraFeatures, seen: [EventKind] = []) -> String {
    var context = TraceContext()
    context.features = features
    var statistics = ImportStatistics()
    for kind in seen { statistics.eventsByKind[Int(kind.rawValue)] = 1 }
    return KernelEra(context: context, statistics: statistics).description
  }

  @Test func spellingsNarrowTheRangeOfVersions() {
    #expect(era([]) == "unknown")
    #expect(era([.rawCallSites, .plainModifierNames], seen: [.kmalloc, .kmemCacheFree]) == "4.5 or earlier")
    #expect(era([.symbolicCallSites, .decimalFrames, .underscoreModifierNames], seen: [.kmalloc]) == "5.4 to 5.13")
    #expect(
      era([.accounted, .nodeInKmalloc, .nameInFree, .hexadecimalFrames], seen: [.kmemCacheAlloc]) == "6.1 to 6.17")
    #expect(era([.accounted, .nodeEvents], seen: [.kmalloc]) == "6.0")
    #expect(era([.accounted, .nodeInKmalloc, .nameInAlloc], seen: [.kmemCacheAlloc]) == "6.18 or later")
  }

  @Test func contradictionsAreSaid() {
    #expect(era([.accounted, .decimalFrames]) == "unclear (spellings of 6.0 and of 5.13)")
  }

  @Test func whatTheUserSaysCountsMost() {
    let profile = MachineProfile(
      context: TraceContext(), statistics: ImportStatistics(), overrides: .init(kernel: KernelVersion(3, 10)))
    #expect(profile.era.description == "3.10")
    #expect(profile.era.isBefore(KernelVersion(5, 4)))
  }
}
