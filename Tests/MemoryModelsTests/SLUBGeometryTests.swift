import KernelTypes
import MemoryModels
import Testing

struct SLUBGeometryTests {
  private func geometry(_ size: Int, cpus: Int = 1, kernel: KernelVersion = KernelVersion(6, 1)) -> SLUBGeometry {
    SLUBGeometry(slotSize: size, profile: KernelProfile(kernel: kernel, cpuCount: cpus))
  }

  @Test func ordersGrowWithTheNumberOfCPUs() {
    let cpus = [1, 2, 4, 8, 16, 64, 128]
    let table: [(Int, [(Int, Int)])] = [
      (96, [(0, 42), (0, 42), (0, 42), (0, 42), (0, 42), (0, 42), (0, 42)]),
      (128, [(0, 32), (0, 32), (0, 32), (0, 32), (0, 32), (0, 32), (1, 64)]),
      (192, [(0, 21), (0, 21), (0, 21), (0, 21), (1, 42), (1, 42), (1, 42)]),
      (256, [(0, 16), (0, 16), (0, 16), (1, 32), (1, 32), (1, 32), (2, 64)]),
      (512, [(0, 8), (1, 16), (1, 16), (2, 32), (2, 32), (2, 32), (3, 64)]),
      (1024, [(1, 8), (2, 16), (2, 16), (3, 32), (3, 32), (3, 32), (3, 32)]),
      (2048, [(2, 8), (3, 16), (3, 16), (3, 16), (3, 16), (3, 16), (3, 16)]),
      (4096, [(3, 8), (3, 8), (3, 8), (3, 8), (3, 8), (3, 8), (3, 8)]),
      (8192, [(3, 4), (3, 4), (3, 4), (3, 4), (3, 4), (3, 4), (3, 4)]),
    ]
    for (size, row) in table {
      for (cpu, expected) in zip(cpus, row) {
        let geometry = geometry(size, cpus: cpu)
        #expect(geometry.order == expected.0 && geometry.objectsPerSlab == expected.1, "\(size) bytes, \(cpu) CPUs")
      }
    }
  }

  @Test func commonCachesOfATwoCPUMachineHaveTheirPrintedGeometry() {
    // dentry, inode_cache-like, task-like, names and page-sized objects: pages and objects a slab.
    for (size, pages, objects) in [(192, 1, 21), (640, 2, 12), (4096, 8, 8), (32, 1, 128), (8, 1, 512)] {
      let geometry = geometry(size, cpus: 2)
      #expect(1 << geometry.order == pages && geometry.objectsPerSlab == objects, "\(size) bytes")
    }
  }

  @Test func linux612PutsTwoLargeObjectsInASlab() {
    let older = geometry(11_000)
    #expect(older.order == 2 && older.objectsPerSlab == 1)
    let newer = geometry(11_000, kernel: KernelVersion(6, 12))
    #expect(newer.order == 3 && newer.objectsPerSlab == 2)
    for size in stride(from: 8, through: 8192, by: 8) {
      #expect(geometry(size).order == geometry(size, kernel: KernelVersion(6, 12)).order)
    }
  }

  @Test func limitsOfPartialListsFollowTheObjectSize() {
    let small = geometry(64)
    #expect(small.objectsPerSlab == 64 && small.perCPUPartialLimit == 4 && small.minimumPartial == 5)
    let middle = geometry(256)
    #expect(middle.objectsPerSlab == 16 && middle.perCPUPartialLimit == 7 && middle.minimumPartial == 5)
    let large = geometry(8192)
    #expect(large.objectsPerSlab == 4 && large.perCPUPartialLimit == 3 && large.minimumPartial == 6)
    #expect(geometry(4096).minimumPartial == 6)
    // Counted in objects.
    #expect(geometry(256, kernel: KernelVersion(5, 15)).perCPUPartialLimit == 13)
  }
}
