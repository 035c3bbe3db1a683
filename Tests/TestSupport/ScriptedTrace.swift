public import KernelTypes
public import TraceEvents

/// A trace made by hand: events are added in order and delivered in small batches.
public final class ScriptedTrace: EventSource {
  public let strings = StringInterner()
  public let stacks = StackTable()
  public var context = TraceContext()
  public var statistics = ImportStatistics()
  public private(set) var events: [Event] = []
  private var next = 0
  private var time: UInt64 = 1_000_000_000

  public init() {}

  /// Adds an event one microsecond after the last one.
  public func add(_ kind: EventKind, _ change: (inout Event) -> Void = { _ in }) {
    time += 1000
    var event = Event(kind: kind, time: time)
    event.flags = .hasTask
    event.comm = strings.intern("task")
    event.pid = 1
    event.position = UInt64(events.count + 1)
    change(&event)
    events.append(event)
    statistics.eventsByKind[Int(kind.rawValue)] += 1
    statistics.events += 1
    statistics.lines += 1
  }

  /// Adds an allocation.
  public func allocate(
    _ address: UInt64, _ requested: UInt64, _ allocated: UInt64, site: String = "site+0x1/0x2",
    kind: EventKind = .kmalloc, name: String = "", gfp: String = "GFP_KERNEL"
  ) {
    add(kind) {
      $0.address = address
      $0.requestedBytes = requested
      $0.allocatedBytes = allocated
      $0.callSite = strings.intern(site)
      $0.name = strings.intern(name)
      $0.gfp = strings.intern(gfp)
      if address == 0 { $0.flags.insert(.failed) }
    }
  }

  /// Adds a free.
  public func free(_ address: UInt64, kind: EventKind = .kfree, name: String = "") {
    add(kind) {
      $0.address = address
      $0.callSite = strings.intern("free_site+0x1/0x2")
      $0.name = strings.intern(name)
    }
  }

  /// Adds a trace marker.
  public func mark(_ text: String) { add(.mark) { $0.name = strings.intern(text) } }

  public func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    batch.removeAll()
    if next == events.count { return false }
    while next < events.count, !batch.isFull {
      batch.append(events[next])
      next += 1
    }
    return true
  }

  /// Starts again from the first event.
  public func rewind() { next = 0 }
}
