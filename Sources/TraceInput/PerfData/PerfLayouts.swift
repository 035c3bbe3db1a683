import KernelTypes
import TraceEvents

/// How samples are laid out, for the loops over records: as the attributes say that came so far.
struct PerfLayouts: ~Copyable {
  private(set) var events: PerfEvents
  private var table: UnsafeMutablePointer<PerfSampleLayout>
  private let isSwapped: Bool
  // The layouts by event identifier, as far as samples came.
  private var known = AddressTable<UInt32>(filler: 0)

  init(_ events: PerfEvents, swapped: Bool) {
    self.events = events
    isSwapped = swapped
    table = .allocate(capacity: max(events.layouts.count, 1))
    for (index, layout) in events.layouts.enumerated() { (table + index).initialize(to: layout) }
  }

  deinit { table.deallocate() }

  mutating func add(_ attribute: PerfAttribute, ids: [UInt64]) {
    events.add(attribute, ids: ids)
    table.deallocate()
    table = .allocate(capacity: events.layouts.count)
    for (index, layout) in events.layouts.enumerated() { (table + index).initialize(to: layout) }
    known.removeAll()
  }

  mutating func addFeature(_ feature: UInt64, _ content: UnsafeRawBufferPointer) {
    events.addFeature(feature, content, swapped: isSwapped)
  }

  /// The layout of a sample that has all its fields of fixed places; `nil` if no attribute describes it or it is cut.
  @inline(__always)
  mutating func layout(of record: UnsafeRawPointer, _ size: Int) -> UnsafeMutablePointer<PerfSampleLayout>? {
    var layout = table
    if events.layouts.count != 1 {
      let offset = events.identifierOffset
      guard offset >= 0, offset + 8 <= size else { return nil }
      let id = record.load64(offset, swapped: isSwapped)
      guard let index = known.value(id) ?? newIndex(id) else { return nil }
      layout = table + Int(index)
    }
    return layout.pointee.variable <= size ? layout : nil
  }

  @inline(never)
  private mutating func newIndex(_ id: UInt64) -> UInt32? {
    guard let index = events.layout(of: id) else { return nil }
    known.insert(id, UInt32(index))
    return UInt32(index)
  }
}

extension PerfSampleLayout {
  @inline(__always)
  func time(_ record: UnsafeRawPointer, swapped: Bool) -> UInt64 {
    time < 0 ? 0 : record.load64(time, swapped: swapped)
  }

  @inline(__always)
  func cpu(_ record: UnsafeRawPointer, swapped: Bool) -> UInt16 {
    cpu < 0 ? 0 : UInt16(truncatingIfNeeded: record.load32(cpu, swapped: swapped))
  }
}
