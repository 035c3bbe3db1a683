import KernelTypes
import MemoryModels

/// How far a booting kernel has set its page allocator up.
enum BootStage {
  /// Every page that is freed goes on to the buddy's lists, and one block is taken at a time.
  case handedOver
  /// Per-CPU lists have their batch, and no marks are set yet. Follows `setup_per_cpu_pageset` in mm/page_alloc.c,
  /// Linux 6.1.
  case listsSetUp
}

/// What only time decides at boot is taken from the trace: when lists and marks were set up. What they are is the model's.
extension PagePrediction {
  /// A request took blocks from the buddy's lists: more than one at a time only once lists have a batch.
  @inline(__always)
  mutating func noteRefillAtBoot(_ index: Int, upTo request: Int?, _ zone: Int) {
    if bootStage == .handedOver { noteRefillSlowly(index, upTo: request, zone) }
  }

  @inline(never)
  private mutating func noteRefillSlowly(_ index: Int, upTo request: Int?, _ zone: Int) {
    let like = window.events[index]
    if !isPerCPU(Int(like.order)) { return }
    var removals = 0
    var cursor: Int? = index
    while let next = cursor, next - index < PageEventWindow.reach {
      if let request, next >= request { break }
      let event = window.events[next]
      guard event.kind == .removed || event.kind == .fallback else { break }
      if event.kind == .removed, event.order == like.order, event.type == like.type { removals += 1 }
      cursor = window.next(next)
    }
    // A zone so small that it takes one block at a time tells nothing.
    if removals > 1 { setUpLists() }
  }

  /// A page was freed and the CPU kept it: lists have a length by now.
  mutating func noteKeptAtBoot(_ zone: Int) {
    if bootStage == .handedOver { setUpLists() }
  }

  private mutating func setUpLists() {
    bootStage = .listsSetUp
    let profile = machine.profile
    for index in 0..<machine.zoneCount {
      let managed = machine[zone: index].managedPages
      machine.withZone(index) {
        $0.perCPULimits = PerCPULimits(
          managedPages: managed, lowWatermark: 0, cpuCount: 1, policy: profile.pageAllocator,
          pageSize: profile.pageSize)
      }
    }
  }

  /// The model gave pages back and the kernel kept them: its marks, which the lists' lengths follow from, are set.
  /// Follows `init_per_zone_wmark_min` in mm/page_alloc.c, Linux 6.1.
  mutating func setMarksAtBoot() {
    bootStage = nil
    machine.setUpLimits()
    if cpuLimit == 1 {
      for index in 0..<machine.zoneCount {
        let threshold = Zone.counterThreshold(
          managedPages: machine[zone: index].managedPages, pageSize: machine.profile.pageSize)
        machine.withZone(index) { $0.setCounterThreshold(threshold) }
      }
    }
  }
}
