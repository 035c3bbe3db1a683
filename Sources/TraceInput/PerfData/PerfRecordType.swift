/// The records of a perf.data file that are read (`perf_event_type` in include/uapi/linux/perf_event.h, and
/// `perf_user_event_type` in tools/lib/perf/include/perf/event.h).
enum PerfRecordType {
  static let lost: UInt32 = 2
  static let comm: UInt32 = 3
  static let fork: UInt32 = 7
  static let sample: UInt32 = 9
  static let lostSamples: UInt32 = 13
  static let headerAttribute: UInt32 = 64
  static let headerTracingData: UInt32 = 66
  static let finishedRound: UInt32 = 68
  static let auxiliaryTrace: UInt32 = 71
  static let headerFeature: UInt32 = 80
  static let compressed: UInt32 = 81
  static let compressed2: UInt32 = 83
  /// Numbers from here on are none that a version of perf writes: the record is damaged.
  static let limit: UInt32 = 256

  /// Whether a record has something behind it that is no record, or changes what samples mean or which may leave.
  static func endsRun(_ type: UInt32) -> Bool {
    switch type {
    case headerAttribute, headerTracingData, finishedRound, auxiliaryTrace, compressed, compressed2: true
    default: false
    }
  }
}

/// The features of a header that are read (tools/perf/util/header.h).
enum PerfFeature {
  static let tracingData: UInt64 = 1
  static let osRelease: UInt64 = 4
  static let cpuCount: UInt64 = 7
  static let limit: UInt64 = 256
}
