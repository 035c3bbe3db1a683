import TraceEvents

/// The header of a perf.data file or pipe (tools/perf/Documentation/perf.data-file-format.txt).
struct PerfHeader {
  static let magic = Array("PERFILE2".utf8)
  static let foreignMagic = Array(magic.reversed())
  /// Sections larger than this are not read: event formats of a large kernel have about 4 MiB.
  private static let sectionLimit: UInt64 = 64 << 20
  /// Attributes and identifiers beyond these are not read: events times CPUs.
  private static let attributeLimit: UInt64 = 1 << 14
  private static let identifierLimit: UInt64 = 1 << 20

  struct Section {
    var offset: UInt64
    var size: UInt64
  }

  var isPipe = false
  var byteOrder = ByteOrder.host
  var isSwapped = false
  /// Where the records are.
  var data = Section(offset: 0, size: 0)
  var events = PerfEvents()

  /// Reads the header, attributes and features. Throws `.damagedStructure` for a header that can't be, `.cannotRead`.
  init(_ bytes: SeekableBytes, name: String) throws(TraceError) {
    let head = try Self.read(bytes, at: 0, count: 104)
    isSwapped = head.starts(with: Self.foreignMagic)
    byteOrder = isSwapped == (ByteOrder.host == .little) ? .big : .little
    let numbers = Self.numbers(head, isSwapped)
    guard numbers.count >= 2 else {
      throw TraceError(
        .damagedStructure, input: name, at: .byteOffset(8), found: "the end of the file inside perf's header",
        expected: "a header of 16 bytes or more", remedy: "Copy the file again.")
    }
    if numbers[1] == 16 {
      isPipe = true
      data = Section(offset: 16, size: bytes.count - 16)
      return
    }
    guard numbers.count >= 9, numbers[1] >= 104 - 32, numbers[1] <= 4096 else {
      throw TraceError(
        .damagedStructure, input: name, at: .byteOffset(8), found: "a perf.data header of \(numbers[1]) bytes",
        expected: "one of 104 bytes, or of 16 in what `perf record -o -` writes",
        remedy: "Copy the file again, or record once more.")
    }
    data = Section(offset: numbers[5], size: numbers[6])
    try readAttributes(bytes, Section(offset: numbers[3], size: numbers[4]), each: numbers[2])
    if data.size == 0 {
      // perf fills this in at the end; a recording that was killed has everything but the features.
      data.size = bytes.count - min(data.offset, bytes.count)
    } else if numbers.count >= 13 {
      try readFeatures(bytes, Array(numbers[9..<13]))
    }
  }

  private static func read(_ bytes: SeekableBytes, at offset: UInt64, count: Int) throws(TraceError) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 8)
    defer { buffer.deallocate() }
    let got = try bytes.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    return Array(buffer[..<got])
  }

  /// The 64-bit numbers in `bytes`.
  private static func numbers(_ bytes: [UInt8], _ swapped: Bool) -> [UInt64] {
    bytes.withUnsafeBytes { all in
      guard let start = all.baseAddress else { return [] }
      return stride(from: 0, to: all.count / 8 * 8, by: 8).map { start.load64($0, swapped: swapped) }
    }
  }

  private mutating func readAttributes(
    _ bytes: SeekableBytes, _ section: Section, each: UInt64
  ) throws(TraceError) {
    guard each >= UInt64(PerfAttribute.minimumBytes) + 16, each <= 4096 else { return }
    var identifiersLeft = Self.identifierLimit
    for number in 0..<min(section.size / each, Self.attributeLimit) {
      let (offset, isTooFar) = section.offset.addingReportingOverflow(number * each)
      if isTooFar { return }
      let entry = try Self.read(bytes, at: offset, count: Int(each))
      guard entry.count == Int(each) else { return }
      // The place of the identifiers stands behind the attribute.
      let place = Self.numbers(Array(entry.suffix(16)), isSwapped)
      let count = min(place[1] / 8, identifiersLeft)
      identifiersLeft -= count
      let ids = Self.numbers(try Self.read(bytes, at: place[0], count: Int(count) * 8), isSwapped)
      let attribute = entry.withUnsafeBytes { PerfAttribute($0, swapped: isSwapped, byteOrder: byteOrder) }
      guard let attribute else { continue }
      events.add(attribute, ids: ids)
      let event = entry.withUnsafeBytes { PerfAttribute.configuration($0, swapped: isSwapped) }
      if attribute.isTracepoint, let event { events.tracepoints.insert(event) }
    }
  }

  /// Feature sections stand behind the data, in the order of their bits.
  private mutating func readFeatures(_ bytes: SeekableBytes, _ flags: [UInt64]) throws(TraceError) {
    var (entry, isTooFar) = data.offset.addingReportingOverflow(data.size)
    if isTooFar { return }
    for feature in 0..<PerfFeature.limit where flags[Int(feature / 64)] >> (feature % 64) & 1 != 0 {
      let place = Self.numbers(try Self.read(bytes, at: entry, count: 16), isSwapped)
      guard place.count == 2 else { return }
      entry += 16
      if place[1] > Self.sectionLimit { continue }
      let isWanted =
        feature == PerfFeature.tracingData || feature == PerfFeature.osRelease || feature == PerfFeature.cpuCount
      guard isWanted, place[0] < bytes.count else { continue }
      let size = Int(min(place[1], bytes.count - place[0]))
      let content = try Self.read(bytes, at: place[0], count: size)
      content.withUnsafeBytes { events.addFeature(feature, $0, swapped: isSwapped) }
    }
  }
}

/// What a perf.data file says about its samples: in the header of a file, in records of a pipe.
struct PerfEvents {
  /// The layouts of samples, without repetition.
  private(set) var layouts: [PerfSampleLayout] = []
  private var attributes: [PerfAttribute] = []
  private var layoutOfID: [UInt64: Int] = [:]
  /// Where the identifier is in every sample, if layouts differ; −1 if it can't be told.
  private(set) var identifierOffset = -1
  /// The numbers of the tracepoints that a file's header names.
  var tracepoints: Set<UInt64> = []
  var catalogue: EventCatalogue?
  var kernelRelease: String?
  var cpuCount: Int?

  mutating func add(_ attribute: PerfAttribute, ids: [UInt64]) {
    var index = attributes.firstIndex(of: attribute)
    if index == nil {
      attributes.append(attribute)
      layouts.append(PerfSampleLayout(attribute))
      let offsets = Set(attributes.map { PerfSampleLayout.identifierOffset($0.sampleType) })
      identifierOffset = offsets.count == 1 ? offsets.first ?? -1 : -1
      index = attributes.count - 1
    }
    for id in ids { layoutOfID[id] = index }
  }

  func layout(of id: UInt64) -> Int? { layoutOfID[id] }

  /// Takes in the content of a feature section.
  mutating func addFeature(_ feature: UInt64, _ content: UnsafeRawBufferPointer, swapped: Bool) {
    guard let start = content.baseAddress else { return }
    switch feature {
    case PerfFeature.tracingData:
      if catalogue == nil { catalogue = PerfTracingData.read(content) }
    case PerfFeature.osRelease:
      // do_write_string: a length, the text, NULs.
      if content.count > 4 {
        kernelRelease = String(decoding: content[4...].prefix(128).prefix { $0 != 0 }, as: UTF8.self)
      }
    case PerfFeature.cpuCount:
      // write_nrcpus: CPUs available, CPUs online.
      if content.count >= 8 {
        let online = Int(start.load32(4, swapped: swapped))
        if (1...8192).contains(online) { cpuCount = online }
      }
    default: break
    }
  }
}
