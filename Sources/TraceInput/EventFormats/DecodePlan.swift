import KernelTypes
import TraceEvents

/// Where a number lies in a record; a size of 0 means that the event has no such field.
struct FieldSlot {
  var offset: Int32 = 0
  var size: UInt8 = 0
  var isSigned = false

  static let absent = FieldSlot()

  init() {}

  init?(_ field: EventField?) {
    guard let field, field.storage == .inline, !field.isArray, [1, 2, 4, 8].contains(field.size) else { return nil }
    offset = Int32(field.offset)
    size = UInt8(field.size)
    isSigned = field.isSigned
  }

  @inline(__always)
  var isPresent: Bool { size != 0 }

  /// The value in a record that is long enough; 0 if the slot is absent.
  @inline(__always)
  func load(_ record: UnsafeRawPointer, swapped: Bool) -> UInt64 {
    record.loadNumber(Int(offset), size: Int(size), isSigned: isSigned, swapped: swapped)
  }
}

/// How a number is read from a record of at least so many bytes without a branch: eight bytes, shifted and masked.
///
/// The eight bytes never reach beyond the shortest record of the event. A field that an event lacks reads as 0.
struct FieldLoad {
  /// What every record with numbers in it has: the shortest one still holds the eight bytes.
  static let minimumBytes = 8

  private var offset = 0
  private var shift: UInt64 = 0
  private var mask: UInt64 = 0
  private var sign: UInt64 = 0

  init() {}

  init(_ slot: FieldSlot, minimumBytes: Int, swapped: Bool) {
    guard slot.isPresent else { return }
    let (place, size) = (Int(slot.offset), Int(slot.size))
    offset = min(place, minimumBytes - Self.minimumBytes)
    let before = place - offset
    // Swapping the bytes of all eight turns the field's distance from their start into one from their end.
    shift = UInt64(8 * (swapped ? Self.minimumBytes - before - size : before))
    mask = size == 8 ? .max : 1 << UInt64(8 * size) - 1
    sign = slot.isSigned ? 1 << UInt64(8 * size - 1) : 0
  }

  @inline(__always)
  func value(_ record: UnsafeRawPointer, swapped: Bool) -> UInt64 {
    (bits(record, swapped: swapped) ^ sign) &- sign
  }

  /// The value of a field without a sign, or one in which a sign makes no difference.
  @inline(__always)
  func bits(_ record: UnsafeRawPointer, swapped: Bool) -> UInt64 {
    record.load64(offset, swapped: swapped) &>> shift & mask
  }
}

/// An event's format made ready for the record loop: which bytes go into which column, without names or searches.
struct DecodePlan {
  /// What a record of the event becomes.
  enum Action: UInt8 {
    /// A row with the columns below.
    case event
    /// A row with the text behind `text.offset`.
    case mark
    /// A row with the text that the pointer in `address` leads to.
    case storedMark
    /// The stack trace of the event before it.
    case kernelStack
    /// Nothing: a stack trace of user space.
    case userStack
    /// A count under the event's name.
    case other
    /// A count of records that can't be read: the format lacks a field that the event must have.
    case unreadable
  }

  /// Where a text lies in a record.
  struct TextSlot {
    var offset: Int32 = 0
    var size: Int32 = 0
    var storage = EventField.Storage.inline
    var isPresent = false
  }

  var action = Action.other
  var kind = EventKind.mark
  /// The event's name, for counts and messages.
  var name = StringID.none
  /// Records shorter than this are damaged.
  var minimumBytes = 0

  var pid = FieldSlot.absent
  var callSite = FieldSlot.absent
  var address = FieldSlot.absent
  var requestedBytes = FieldSlot.absent
  var allocatedBytes = FieldSlot.absent
  var gfp = FieldSlot.absent
  var node = FieldSlot.absent
  var order = FieldSlot.absent
  var migrateType = FieldSlot.absent
  /// A field that sets `flag` if it is not 0.
  var flagField = FieldSlot.absent
  var flag = EventFlags(rawValue: 0)
  var text = TextSlot()

  /// The address that stands for none, and what it means then.
  var nullAddress: UInt64 = 0
  var nullFlags = EventFlags(rawValue: 0)
  /// Flags that every row of the event has.
  var fixedFlags = EventFlags(rawValue: 0)
  /// Which of the decoder's tables of gfp texts holds for the event.
  var gfpTable = 0
  /// Which of the decoder's lists of computed columns holds for the event, from 1; 0 is none.
  var extras = 0
  /// What the format tells about the kernel.
  var features = EraFeatures(rawValue: 0)
  /// The fields above for the record loop, once `prepareLoads` was called.
  private(set) var loads = Loads()

  /// The columns that most events have, as loads without branches.
  struct Loads {
    var pid = FieldLoad()
    var callSite = FieldLoad()
    var address = FieldLoad()
    var requestedBytes = FieldLoad()
    var allocatedBytes = FieldLoad()
    var gfp = FieldLoad()
    var node = FieldLoad()
    var order = FieldLoad()
    var migrateType = FieldLoad()
    /// What an event without the field has: no node.
    var nodeIfAbsent: UInt64 = .max
  }

  /// Makes the loads of an event whose fields are all set.
  mutating func prepareLoads(swapped: Bool) {
    minimumBytes = max(minimumBytes, FieldLoad.minimumBytes)
    let bytes = minimumBytes
    func load(_ slot: FieldSlot) -> FieldLoad { FieldLoad(slot, minimumBytes: bytes, swapped: swapped) }
    loads.pid = load(pid)
    loads.callSite = load(callSite)
    loads.address = load(address)
    loads.requestedBytes = load(requestedBytes)
    loads.allocatedBytes = load(allocatedBytes)
    loads.gfp = load(gfp)
    loads.node = load(node)
    loads.order = load(order)
    loads.migrateType = load(migrateType)
    loads.nodeIfAbsent = node.isPresent ? 0 : .max
  }
}

/// What a `DecodePlan` refers to and can't hold itself, because it must stay a plain value.
struct PlanExpressions {
  /// How the gfp flags of an event are printed, and when they mean `accounted=true`.
  struct GFP: Equatable {
    var field: String
    var text: FormatExpression
    var accounted: FormatExpression?
  }

  /// A column that is computed from the record's fields.
  struct Extra {
    enum Column {
      case flag(EventFlags)
      case node
      case name
      /// The instruction that faulted: its symbol instead of its address, where there is one.
      case instruction
      /// `prot` or `behavior` of a system call.
      case protection
      /// `flags` of a system call, and of mremap.
      case mapFlags, remapFlags
      /// A file descriptor.
      case descriptor
    }

    var column: Column
    var value: FormatExpression
    /// The slots of the fields that `value` reads.
    var slots: [String: FieldSlot]
  }

  var gfp: GFP?
  var extras: [Extra] = []
}
