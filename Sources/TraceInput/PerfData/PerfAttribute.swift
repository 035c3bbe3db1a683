/// One `perf_event_attr`, as far as it says how samples are laid out.
///
/// Follows include/uapi/linux/perf_event.h and `perf_output_sample` in kernel/events/core.c.
struct PerfAttribute: Equatable {
  /// The bits of `sample_type`.
  enum Sample {
    static let ip: UInt64 = 1 << 0
    static let tid: UInt64 = 1 << 1
    static let time: UInt64 = 1 << 2
    static let addr: UInt64 = 1 << 3
    static let read: UInt64 = 1 << 4
    static let callChain: UInt64 = 1 << 5
    static let id: UInt64 = 1 << 6
    static let cpu: UInt64 = 1 << 7
    static let period: UInt64 = 1 << 8
    static let streamID: UInt64 = 1 << 9
    static let raw: UInt64 = 1 << 10
    static let identifier: UInt64 = 1 << 16
  }

  /// The first published size of the structure, `PERF_ATTR_SIZE_VER0`.
  static let minimumBytes = 64
  private static let tracepoint: UInt32 = 2

  var type: UInt32
  var sampleType: UInt64
  var readFormat: UInt64
  /// Whether records that are no samples end with a piece of a sample.
  var hasSampleIDs: Bool

  /// Reads the structure at `start`; `nil` if it is too short.
  init?(_ bytes: UnsafeRawBufferPointer, swapped: Bool, byteOrder: ByteOrder) {
    guard bytes.count >= Self.minimumBytes, let start = bytes.baseAddress else { return nil }
    type = start.load32(0, swapped: swapped)
    sampleType = start.load64(24, swapped: swapped)
    readFormat = start.load64(32, swapped: swapped)
    // Bit fields begin at the lowest bit of little-endian words and at the highest of big-endian ones.
    let flags = start.load64(40, swapped: swapped)
    hasSampleIDs = flags >> (byteOrder == .little ? 18 : 63 - 18) & 1 != 0
  }

  var isTracepoint: Bool { type == Self.tracepoint }

  /// What says which event it is, for tracepoints their number; not part of the layout of samples.
  static func configuration(_ bytes: UnsafeRawBufferPointer, swapped: Bool) -> UInt64? {
    guard bytes.count >= minimumBytes else { return nil }
    return bytes.baseAddress?.load64(8, swapped: swapped)
  }
}

/// Where the fields of a sample lie that are read.
///
/// All fields before the values of `PERF_SAMPLE_READ` have fixed places.
struct PerfSampleLayout {
  /// Offsets from the start of the record, header included; −1 where there is none.
  var time = -1
  var cpu = -1
  var tid = -1
  /// Where the first field of variable length begins.
  var variable = 8
  var hasRead = false
  var hasCallChain = false
  var readFormat: UInt64 = 0
  /// How many bytes of a sample stand at the end of other records, and where the time is in them (−1 if nowhere).
  var trailerBytes = 0
  var trailerTime = -1
  /// Whether samples with this layout hold a tracepoint's record.
  var holdsEvent = false

  init(_ attribute: PerfAttribute) {
    let type = attribute.sampleType
    func place(_ bit: UInt64) -> Int {
      if type & bit == 0 { return -1 }
      defer { variable += 8 }
      return variable
    }
    _ = place(PerfAttribute.Sample.identifier)
    _ = place(PerfAttribute.Sample.ip)
    tid = place(PerfAttribute.Sample.tid)
    time = place(PerfAttribute.Sample.time)
    _ = place(PerfAttribute.Sample.addr)
    _ = place(PerfAttribute.Sample.id)
    _ = place(PerfAttribute.Sample.streamID)
    cpu = place(PerfAttribute.Sample.cpu)
    _ = place(PerfAttribute.Sample.period)
    hasRead = type & PerfAttribute.Sample.read != 0
    hasCallChain = type & PerfAttribute.Sample.callChain != 0
    readFormat = attribute.readFormat
    holdsEvent = attribute.isTracepoint && type & PerfAttribute.Sample.raw != 0
    guard attribute.hasSampleIDs else { return }
    for bit in [
      PerfAttribute.Sample.tid, PerfAttribute.Sample.time, PerfAttribute.Sample.id, PerfAttribute.Sample.streamID,
      PerfAttribute.Sample.cpu, PerfAttribute.Sample.identifier,
    ] where type & bit != 0 {
      if bit == PerfAttribute.Sample.time { trailerTime = trailerBytes }
      trailerBytes += 8
    }
  }

  /// Where the identifier of an event is in its samples; −1 if they have none.
  static func identifierOffset(_ sampleType: UInt64) -> Int {
    if sampleType & PerfAttribute.Sample.identifier != 0 { return 8 }
    guard sampleType & PerfAttribute.Sample.id != 0 else { return -1 }
    let before = [
      PerfAttribute.Sample.ip, PerfAttribute.Sample.tid, PerfAttribute.Sample.time, PerfAttribute.Sample.addr,
    ]
    return 8 + 8 * before.count { sampleType & $0 != 0 }
  }

  /// The bytes that `PERF_SAMPLE_READ` takes in a sample that has them from `offset` to `end`; `nil` if it is damaged.
  func readBytes(_ record: UnsafeRawPointer, _ offset: Int, _ end: Int, swapped: Bool) -> Int? {
    // PERF_FORMAT_TOTAL_TIME_ENABLED 1, _TOTAL_TIME_RUNNING 2, _ID 4, _GROUP 8, _LOST 16.
    let times = 8 * ((readFormat & 1) + (readFormat >> 1 & 1))
    let each = 8 * (1 + (readFormat >> 2 & 1) + (readFormat >> 4 & 1))
    guard readFormat & 8 != 0 else { return Int(times + each) }
    guard offset + 8 <= end else { return nil }
    let count = record.load64(offset, swapped: swapped)
    return count > UInt64(end) ? nil : 8 + Int(times) + Int(count * each)
  }
}
