/// SLUB written a second time, with arrays of arrays and no thought of speed, to hold the model against.
///
/// One cache on one node, the limit of a CPU's partial list counted in slabs.
final class ReferenceSLUB {
  final class Slab {
    let base: UInt64
    var free: [Int]
    let objects: Int
    /// Objects that the CPU using the slab holds for itself.
    var isFrozen = true
    init(base: UInt64, objects: Int) {
      self.base = base
      self.objects = objects
      free = []
    }
    var taken = Set<Int>()
  }

  private struct CPU {
    var slab: Slab?
    var own: [Int] = []
    // The newest first.
    var partial: [Slab] = []
  }

  let objects: Int
  let perCPULimit: Int
  let minimumPartial: Int
  private var cpus: [CPU]
  private(set) var node: [Slab] = []
  private(set) var released: [UInt64] = []
  private var slabOfBase: [UInt64: Slab] = [:]
  private let slabBytes: UInt64
  private let slot: UInt64

  init(objects: Int, slot: Int, slabBytes: Int, perCPULimit: Int, minimumPartial: Int, cpus: Int) {
    self.objects = objects
    self.perCPULimit = perCPULimit
    self.minimumPartial = minimumPartial
    self.slabBytes = UInt64(slabBytes)
    self.slot = UInt64(slot)
    self.cpus = Array(repeating: CPU(), count: cpus)
  }

  /// The address handed out, or `nil` when a new slab is needed.
  func allocate(cpu: Int) -> UInt64? {
    while true {
      if let slab = cpus[cpu].slab {
        if cpus[cpu].own.isEmpty {
          cpus[cpu].own = slab.free
          slab.free = []
        }
        if !cpus[cpu].own.isEmpty {
          let index = cpus[cpu].own.removeFirst()
          slab.taken.insert(index)
          return slab.base + UInt64(index) * slot
        }
        slab.isFrozen = false
        cpus[cpu].slab = nil
      }
      if !cpus[cpu].partial.isEmpty {
        cpus[cpu].slab = cpus[cpu].partial.removeFirst()
        continue
      }
      if node.isEmpty { return nil }
      let first = node.removeFirst()
      first.isFrozen = true
      cpus[cpu].slab = first
      var extra = 0
      while extra <= perCPULimit / 2, !node.isEmpty {
        let slab = node.removeFirst()
        slab.isFrozen = true
        cpus[cpu].partial.insert(slab, at: 0)
        extra += 1
      }
    }
  }

  func addSlab(base: UInt64, cpu: Int) -> UInt64 {
    let slab = Slab(base: base, objects: objects)
    slabOfBase[base] = slab
    cpus[cpu].slab = slab
    cpus[cpu].own = Array(1..<objects)
    slab.taken = [0]
    return base
  }

  func free(_ address: UInt64, cpu: Int) {
    guard let slab = slabOfBase[address & ~(slabBytes - 1)] else { return }
    let index = Int((address - slab.base) / slot)
    slab.taken.remove(index)
    if cpus[cpu].slab === slab {
      cpus[cpu].own.insert(index, at: 0)
      return
    }
    let wasFull = slab.free.isEmpty
    slab.free.insert(index, at: 0)
    if slab.isFrozen { return }
    if wasFull {
      slab.isFrozen = true
      var flushed: [Slab] = []
      if cpus[cpu].partial.count >= perCPULimit {
        flushed = cpus[cpu].partial
        cpus[cpu].partial = []
      }
      cpus[cpu].partial.insert(slab, at: 0)
      flush(flushed)
    } else if slab.taken.isEmpty, node.count >= minimumPartial {
      node.removeAll { $0 === slab }
      release(slab)
    }
  }

  private func flush(_ slabs: [Slab]) {
    var empty: [Slab] = []
    for slab in slabs {
      slab.isFrozen = false
      if slab.taken.isEmpty, node.count >= minimumPartial { empty.append(slab) } else { node.append(slab) }
    }
    for slab in empty.reversed() { release(slab) }
  }

  private func release(_ slab: Slab) {
    slabOfBase[slab.base] = nil
    released.append(slab.base)
  }
}
