public import KernelTypes

/// A few thousand events in columns: what readers fill and engines consume, so that module boundaries are crossed once
/// a batch and an engine touches only the columns it needs.
///
/// `count` rows are in use. Columns are plain memory owned by the batch; a row is read with `subscript(row:)` and
/// written with `append(_:)` or, in the hot loops, column by column.
@frozen
public struct EventBatch: ~Copyable {
  /// The rows a batch holds unless asked otherwise: about 300 KB, which fits a level-2 cache.
  public static let standardCapacity = 4096

  public let capacity: Int
  /// The rows in use.
  public var count: Int

  public let time: UnsafeMutablePointer<UInt64>
  public let address: UnsafeMutablePointer<UInt64>
  public let requestedBytes: UnsafeMutablePointer<UInt64>
  public let allocatedBytes: UnsafeMutablePointer<UInt64>
  public let position: UnsafeMutablePointer<UInt64>
  public let callSite: UnsafeMutablePointer<StringID>
  public let comm: UnsafeMutablePointer<StringID>
  public let gfp: UnsafeMutablePointer<StringID>
  public let name: UnsafeMutablePointer<StringID>
  public let stack: UnsafeMutablePointer<StackID>
  public let pid: UnsafeMutablePointer<Int32>
  public let node: UnsafeMutablePointer<Int16>
  public let cpu: UnsafeMutablePointer<UInt16>
  public let kind: UnsafeMutablePointer<EventKind>
  public let order: UnsafeMutablePointer<UInt8>
  public let migrateType: UnsafeMutablePointer<UInt8>
  public let flags: UnsafeMutablePointer<EventFlags>

  /// Creates an empty batch of `capacity` rows.
  public init(capacity: Int = EventBatch.standardCapacity) {
    self.capacity = capacity
    count = 0
    let blank = Event(kind: .kmalloc)
    time = Self.column(blank.time, capacity)
    address = Self.column(blank.address, capacity)
    requestedBytes = Self.column(blank.requestedBytes, capacity)
    allocatedBytes = Self.column(blank.allocatedBytes, capacity)
    position = Self.column(blank.position, capacity)
    callSite = Self.column(blank.callSite, capacity)
    comm = Self.column(blank.comm, capacity)
    gfp = Self.column(blank.gfp, capacity)
    name = Self.column(blank.name, capacity)
    stack = Self.column(blank.stack, capacity)
    pid = Self.column(blank.pid, capacity)
    node = Self.column(blank.node, capacity)
    cpu = Self.column(blank.cpu, capacity)
    kind = Self.column(blank.kind, capacity)
    order = Self.column(blank.order, capacity)
    migrateType = Self.column(blank.migrateType, capacity)
    flags = Self.column(blank.flags, capacity)
  }

  private static func column<Value: BitwiseCopyable>(_ blank: Value, _ capacity: Int) -> UnsafeMutablePointer<Value> {
    let column = UnsafeMutablePointer<Value>.allocate(capacity: capacity)
    column.initialize(repeating: blank, count: capacity)
    return column
  }

  deinit {
    time.deallocate()
    address.deallocate()
    requestedBytes.deallocate()
    allocatedBytes.deallocate()
    position.deallocate()
    callSite.deallocate()
    comm.deallocate()
    gfp.deallocate()
    name.deallocate()
    stack.deallocate()
    pid.deallocate()
    node.deallocate()
    cpu.deallocate()
    kind.deallocate()
    order.deallocate()
    migrateType.deallocate()
    flags.deallocate()
  }

  /// Whether there is no room for another row.
  @inlinable
  public var isFull: Bool { count == capacity }

  /// The event in a row below `count`.
  @inlinable
  public subscript(row: Int) -> Event {
    precondition(row >= 0 && row < count, "row outside the batch")
    var event = Event(kind: kind[row], time: time[row], cpu: cpu[row])
    event.address = address[row]
    event.requestedBytes = requestedBytes[row]
    event.allocatedBytes = allocatedBytes[row]
    event.position = position[row]
    event.callSite = callSite[row]
    event.comm = comm[row]
    event.gfp = gfp[row]
    event.name = name[row]
    event.stack = stack[row]
    event.pid = pid[row]
    event.node = node[row]
    event.order = order[row]
    event.migrateType = migrateType[row]
    event.flags = flags[row]
    return event
  }

  /// Adds an event; the batch must not be full.
  @inlinable
  public mutating func append(_ event: Event) {
    let row = count
    precondition(row < capacity, "batch is full")
    time[row] = event.time
    address[row] = event.address
    requestedBytes[row] = event.requestedBytes
    allocatedBytes[row] = event.allocatedBytes
    position[row] = event.position
    callSite[row] = event.callSite
    comm[row] = event.comm
    gfp[row] = event.gfp
    name[row] = event.name
    stack[row] = event.stack
    pid[row] = event.pid
    node[row] = event.node
    cpu[row] = event.cpu
    kind[row] = event.kind
    order[row] = event.order
    migrateType[row] = event.migrateType
    flags[row] = event.flags
    count = row &+ 1
  }

  /// Forgets all rows; the memory stays.
  @inlinable
  public mutating func removeAll() { count = 0 }
}
