import KernelTypes
import Testing

struct SizeClassesTests {
  private func classes(_ major: Int, _ minor: Int, _ architecture: Architecture) -> SizeClasses {
    SizeClasses(policy: KernelProfile(kernel: KernelVersion(major, minor), architecture: architecture).kmalloc)
  }

  private func size(_ classes: SizeClasses, _ bytes: UInt64) -> Int? {
    classes.index(bytes: bytes).map { classes.sizes[$0] }
  }

  @Test func x86HasClassesFrom8BytesTo2Pages() {
    let x86 = classes(6, 1, .x86_64)
    #expect(x86.sizes == [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192])
    let expected: [(UInt64, Int)] = [
      (1, 8), (8, 8), (9, 16), (29, 32), (64, 64), (65, 96), (96, 96), (97, 128), (129, 192), (192, 192), (193, 256),
      (257, 512), (4097, 8192), (8192, 8192),
    ]
    for (bytes, slot) in expected { #expect(size(x86, bytes) == slot) }
    #expect(size(x86, 0) == nil && size(x86, 8193) == nil && size(x86, .max) == nil)
  }

  @Test func armStartsAtItsCacheLine() {
    let arm = classes(3, 5, .arm)
    #expect(arm.sizes.prefix(4) == [64, 128, 192, 256])
    // 29 bytes waste 35 there and 3 on x86.
    #expect(size(arm, 29) == 64)
    #expect(size(arm, 65) == 128 && size(arm, 129) == 192)
  }

  @Test func arm64StartedAt128BytesUpTo64() {
    let old = classes(6, 1, .arm64)
    #expect(old.sizes.prefix(3) == [128, 256, 512])
    #expect(size(old, 1) == 128 && size(old, 129) == 256 && size(old, 192) == 256)
    #expect(classes(6, 6, .arm64).sizes.first == 8)
  }

  @Test func everySizeGetsTheSmallestClassThatHoldsIt() {
    for architecture in Architecture.allCases {
      let classes = classes(6, 1, architecture)
      for bytes in UInt64(1)...8192 {
        #expect(size(classes, bytes) == classes.sizes.first { UInt64($0) >= bytes })
      }
    }
  }

  @Test func namesHaveUnitsFrom5_0On() {
    let old = classes(4, 9, .x86_64)
    let new = classes(6, 1, .x86_64)
    #expect(old.name(index: 12, variant: .normal) == "kmalloc-8192")
    #expect(new.name(index: 12, variant: .normal) == "kmalloc-8k")
    #expect(new.name(index: 8, variant: .normal) == "kmalloc-512")
    #expect(new.name(index: 9, variant: .dma) == "dma-kmalloc-1k")
    #expect(new.name(index: 0, variant: .reclaimable) == "kmalloc-rcl-8")
    #expect(new.name(index: 0, variant: .accounted) == "kmalloc-cg-8")
  }

  @Test func flagsChooseTheCopyOfAClass() {
    var policy = KernelProfile().kmalloc
    policy.hasAccountedCaches = true
    let classes = SizeClasses(policy: policy)
    #expect(classes.variant(flags: .kernel) == .normal)
    #expect(classes.variant(flags: [.kernel, .account]) == .accounted)
    #expect(classes.variant(flags: [.kernel, .account, .reclaimable]) == .reclaimable)
    #expect(classes.variant(flags: [.kernel, .account, .reclaimable, .dma]) == .dma)
    #expect(SizeClasses(policy: KernelProfile().kmalloc).variant(flags: [.kernel, .account]) == .normal)
  }
}
