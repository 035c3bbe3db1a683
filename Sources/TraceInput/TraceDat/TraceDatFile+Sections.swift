import KernelTypes
import TraceEvents

extension TraceDatFile {
  /// The pages of all CPUs of all instances, in the order of buffers and CPUs.
  ///
  /// Data that would begin behind the end of the file is counted in `statistics`.
  mutating func takeSections() -> [RingSection] {
    var sections: [RingSection] = []
    for buffer in buffers {
      var layout = layout
      if buffer.pageSize > layout.dataOffset, buffer.pageSize <= 1 << 24 {
        layout.dataSize = buffer.pageSize - layout.dataOffset
      }
      for (cpu, offset, size) in buffer.cpus {
        if offset >= bytes.count {
          note(.truncatedEnd, at: bytes.count, "the input ends before the events of CPU \(cpu)")
          continue
        }
        let packing = buffer.isPacked ? codec.map { RingSection.Packing.chunks($0) } ?? .none : .none
        sections.append(
          RingSection(
            bytes: bytes, cpu: cpu, offset: offset, size: size, packing: packing, layout: layout,
            byteOrder: catalogue.byteOrder, clock: conversion(buffer)))
      }
    }
    return sections
  }

  private func clock(_ buffer: Buffer) -> String { buffer.clock.isEmpty ? traceClock ?? "local" : buffer.clock }

  // timestamp_calc in lib/trace-cmd/trace-input.c.
  private func conversion(_ buffer: Buffer) -> ClockConversion {
    guard let tsc = tscConversion else { return ClockConversion(offset: timeOffset) }
    return ClockConversion(multiplier: tsc.multiplier, shift: tsc.shift, offset: timeOffset)
  }

  /// What the file tells about its machine.
  var context: TraceContext {
    var context = TraceContext()
    context.container = .traceDat
    context.headerCPUCount = cpuCount
    context.pointerBytes = catalogue.longSize
    context.features = catalogue.features
    if let top = buffers.first, tscConversion == nil, TraceDatClock.isTicks(clock(top)) { context.clock = .ticks }
    // "Linux host 6.1.0-9 x86_64"
    if let words = uname?.split(separator: " "), words.count >= 3 { context.kernelRelease = String(words[2]) }
    return context
  }
}

extension EventCatalogue {
  /// What the formats tell about the kernel, whether or not such events were recorded.
  var features: EraFeatures {
    var features: EraFeatures = symbols == nil ? .rawCallSites : .symbolicCallSites
    for format in kmemFormats {
      let (plan, expressions) = PlanCompiler.compile(format)
      features.formUnion(plan.features)
      for name in expressions.gfp?.text.names ?? [] {
        let (isPlain, isUnderscored) = Array(name.utf8).withUnsafeBytes { GFPSpelling.modifiers(in: $0) }
        if isPlain { features.insert(.plainModifierNames) }
        if isUnderscored { features.insert(.underscoreModifierNames) }
      }
    }
    return features
  }
}

extension FormatExpression {
  /// The names that it may print.
  var names: [String] {
    switch self {
    case .choice(_, let yes, let no): yes.names + no.names
    case .flags(_, _, let names), .symbol(_, let names): names.map(\.name)
    default: []
    }
  }
}

extension RingBufferSource {
  /// Reads a trace.dat file. Throws what `TraceDatFile.read` throws.
  convenience init(traceDat bytes: SeekableBytes, summary: InputSummary, options: InputOptions) throws(TraceError) {
    var file = try TraceDatFile.read(bytes)
    let sections = file.takeSections()
    var statistics = file.statistics
    if let damage = bytes.damage {
      statistics.count(.truncatedEnd, at: damage.location, text: damage.found)
    } else if let offset = bytes.truncatedAt {
      statistics.count(.truncatedEnd, at: .byteOffset(offset), text: "the packed file ends inside a frame")
    }
    var context = file.context
    context.compression = summary.compression
    self.init(
      sections, catalogue: file.catalogue, context: context, statistics: statistics, summary: summary,
      threads: options.threads ?? WorkerPool.processorCount)
  }
}
