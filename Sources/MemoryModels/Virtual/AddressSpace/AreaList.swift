/// The mappings of an address space in ascending order, with the kernel's rules for merging and splitting.
public struct AreaList: Sendable {
  public private(set) var areas: [VirtualMemoryArea] = []
  private let shift: Int
  // Faults come in runs: the mapping found last is tried first.
  private var lastFound = 0

  init(pageShift: Int) { shift = pageShift }

  public var count: Int { areas.count }

  /// The index of the first mapping that ends above `address`, which need not hold it; `count` if there is none.
  ///
  /// Follows `find_vma` in mm/mmap.c, Linux 6.1.
  @inline(__always)
  mutating func index(endingAbove address: UInt64) -> Int {
    let last = lastFound
    if last < areas.count, areas[last].contains(address) { return last }
    let found = search(address)
    lastFound = found
    return found
  }

  /// The index of the first mapping that ends above `address`; `count` if there is none.
  public func firstIndex(endingAbove address: UInt64) -> Int { search(address) }

  func search(_ address: UInt64) -> Int {
    var low = 0
    var high = areas.count
    while low < high {
      let middle = (low + high) / 2
      if areas[middle].end > address { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The mapping that holds an address.
  public func area(at address: UInt64) -> VirtualMemoryArea? {
    let index = search(address)
    return index < areas.count && areas[index].contains(address) ? areas[index] : nil
  }

  subscript(index: Int) -> VirtualMemoryArea {
    _read { yield areas[index] }
    _modify { yield &areas[index] }
  }

  /// Puts in a mapping where there is room, joined with its neighbours where the kernel would; returns its index.
  ///
  /// Follows `vma_merge` in mm/mmap.c, Linux 6.1.
  @discardableResult
  mutating func insertMerging(_ area: VirtualMemoryArea) -> Int {
    let index = search(area.start)
    let previous = index > 0 ? areas[index - 1] : nil
    let next = index < areas.count ? areas[index] : nil
    let mergesPrevious = previous.map { $0.canMerge(with: area, shift: shift, relative: $0) } ?? false
    let mergesNext = next.map { area.canMerge(with: $0, shift: shift, relative: $0) } ?? false
    if mergesPrevious, mergesNext, let previous, let next,
      VirtualMemoryArea.canShareRoot(previous.anonymousRoot, next.anonymousRoot, nil)
    {
      areas[index - 1].end = next.end
      adopt(index - 1, area)
      adopt(index - 1, next)
      areas.remove(at: index)
      return index - 1
    }
    if mergesPrevious {
      areas[index - 1].end = area.end
      adopt(index - 1, area)
      return index - 1
    }
    if mergesNext {
      areas[index].start = area.start
      areas[index].pageOffset = area.pageOffset
      adopt(index, area)
      return index
    }
    areas.insert(area, at: index)
    return index
  }

  private mutating func adopt(_ index: Int, _ other: VirtualMemoryArea) {
    if areas[index].anonymousRoot == 0 {
      areas[index].anonymousRoot = other.anonymousRoot
      areas[index].isRootSingular = other.isRootSingular
    }
  }

  /// Puts in a mapping as it is; `false`, and nothing done, if it overlaps another.
  mutating func insert(_ area: VirtualMemoryArea) -> Bool {
    let index = search(area.start)
    if index < areas.count, areas[index].start < area.end { return false }
    areas.insert(area, at: index)
    return true
  }

  /// Makes an address in the middle of a mapping the boundary between two.
  mutating func split(at address: UInt64) {
    let index = search(address)
    guard index < areas.count, areas[index].start < address else { return }
    var upper = areas[index]
    upper.pageOffset = upper.pageIndex(of: address, shift: shift)
    upper.start = address
    areas[index].end = address
    areas.insert(upper, at: index + 1)
  }

  /// The indices of the mappings in a range whose ends are boundaries.
  func indices(in range: Range<UInt64>) -> Range<Int> {
    let first = search(range.lowerBound)
    var last = first
    while last < areas.count, areas[last].start < range.upperBound { last += 1 }
    return first..<last
  }

  mutating func remove(_ indices: Range<Int>) { areas.removeSubrange(indices) }

  mutating func removeAll() { areas = [] }

  /// Takes the mappings of a range out and puts changed ones in, joined with their neighbours where possible.
  mutating func change(_ range: Range<UInt64>, _ body: (inout VirtualMemoryArea) -> Void) {
    let indices = indices(in: range)
    let changed = areas[indices].map { area in
      var area = area
      body(&area)
      return area
    }
    areas.removeSubrange(indices)
    for area in changed { insertMerging(area) }
  }

  /// The tree of anonymous pages that the mapping at `index` gets: a neighbour's, or a new one.
  ///
  /// Follows `find_mergeable_anon_vma` in mm/mmap.c, Linux 6.1.
  mutating func prepareRoot(_ index: Int, new: () -> UInt32) {
    if areas[index].anonymousRoot != 0 { return }
    if index + 1 < areas.count, isCompatible(areas[index], areas[index + 1]), areas[index + 1].anonymousRoot != 0,
      areas[index + 1].isRootSingular
    {
      areas[index].anonymousRoot = areas[index + 1].anonymousRoot
    } else if index > 0, isCompatible(areas[index - 1], areas[index]), areas[index - 1].anonymousRoot != 0,
      areas[index - 1].isRootSingular
    {
      areas[index].anonymousRoot = areas[index - 1].anonymousRoot
    } else {
      areas[index].anonymousRoot = new()
    }
    areas[index].isRootSingular = true
  }

  private func isCompatible(_ first: VirtualMemoryArea, _ second: VirtualMemoryArea) -> Bool {
    first.end == second.start && first.file == second.file
      && first.flags.symmetricDifference(second.flags).isSubset(of: .access)
      && first.pageOffset &+ first.bytes >> UInt64(shift) == second.pageOffset
  }
}
