import KernelTypes

extension BuddyAllocator {
  /// What is wrong with the lists, if anything: links, counts, alignment, overlaps, and buddies left apart.
  ///
  /// `listed` collects the frames found on lists. For tests: the cost is that of a walk over the whole zone.
  func checkInvariants(listed: inout [Bool]) -> String? {
    var pages = 0
    for order in 0...maximumOrder {
      for type in MigrateType.allCases {
        let list = lists[slot(order, type)]
        if (list.head >= 0) != (available[Int(type.rawValue)] >> UInt32(order) & 1 != 0) {
          return "order \(order) \(type): the bit for the list is wrong"
        }
        if let wrong = check(list, order: order, place: .buddy, type: type, listed: &listed) {
          return "order \(order) \(type): \(wrong)"
        }
        if type != .isolate { pages += Int(list.count) << order }
      }
    }
    if pages != freePages { return "\(pages) free pages on the lists, \(freePages) counted" }
    return checkBuddies()
  }

  /// What is wrong with one list, if anything.
  func check(
    _ list: FrameList, order: Int, place: FrameRecord.Place, type: MigrateType?, listed: inout [Bool]
  ) -> String? {
    var index = list.head
    var previous: Int32 = -1
    var count: Int32 = 0
    while index >= 0 {
      let entry = frames.record(Int(index)).pointee
      let range = Int(index)..<Int(index) + 1 << order
      if range.lowerBound < start || range.upperBound > end { return "frame \(index) is outside the zone" }
      if range.lowerBound & (1 << order - 1) != 0 { return "frame \(index) is not aligned" }
      if entry.previous != previous { return "frame \(index) does not point back to \(previous)" }
      if entry.place != place || Int(entry.order) != order { return "frame \(index) has another place or order" }
      if let type, entry.type != type { return "frame \(index) has type \(entry.type)" }
      for frame in range {
        if listed[frame] { return "frame \(frame) is on two lists" }
        if !frames.isFree(frame) { return "frame \(frame) is on a list and not free" }
        if frame > range.lowerBound, frames.record(frame).pointee.place != .none {
          return "frame \(frame) is a head inside a block"
        }
        listed[frame] = true
      }
      previous = index
      index = entry.next
      count += 1
      if count > list.count { return "more than the \(list.count) blocks counted" }
    }
    if list.tail != previous { return "the tail is \(list.tail), the last block \(previous)" }
    return count == list.count ? nil : "\(count) blocks, \(list.count) counted"
  }

  private func checkBuddies() -> String? {
    for order in 0..<maximumOrder {
      for type in MigrateType.allCases {
        var index = lists[slot(order, type)].head
        while index >= 0 {
          let buddy = Int(index) ^ (1 << order)
          let parted = order < pageblockOrder || pageblockType(buddy) == pageblockType(Int(index))
          if parted, frames.record(buddy).pointee.isBuddy(order: order) {
            return "frames \(index) and \(buddy) of order \(order) are both free and not merged"
          }
          index = frames.record(Int(index)).pointee.next
        }
      }
    }
    return nil
  }
}

extension Zone {
  /// What is wrong with the zone's lists and counts; `nil` when nothing is. For tests.
  public func checkInvariants() -> String? {
    var listed = Array(repeating: false, count: buddy.frames.count)
    if let wrong = buddy.checkInvariants(listed: &listed) { return wrong }
    for cpu in perCPU.states.indices {
      var pages = 0
      for list in 0..<perCPU.listCount {
        let order = perCPU.order(list: list)
        let blocks = perCPU.lists[cpu * perCPU.listCount + list]
        if let wrong = buddy.check(blocks, order: order, place: .perCPU, type: nil, listed: &listed) {
          return "CPU \(cpu) list \(list): \(wrong)"
        }
        pages += Int(blocks.count) << order
      }
      if pages != perCPU.states[cpu].count { return "CPU \(cpu): \(pages) pages, \(perCPU.states[cpu].count) counted" }
    }
    let onLists = listed.count { $0 }
    let marked = buddy.frames.freeFrames
    return onLists == marked ? nil : "\(onLists) frames on lists, \(marked) marked free"
  }
}
