import KernelTypes
import TraceEvents

/// Per-CPU files of `trace_pipe_raw` with the formats that describe them, in a directory or an archive.
///
/// Names may be tracefs's own (`per_cpu/cpu0/trace_pipe_raw`, `events/kmem/kmalloc/format`, `events/header_page`) or flat
/// (`raw.cpu0`, `kmem.kmalloc.format`, `header_page`), in any folder. `saved_cmdlines`, `printk_formats`, `kallsyms` and
/// `trace_clock` are used where they are.
struct RawFolder {
  /// What a file is for.
  enum Role: Equatable {
    case pages(cpu: UInt16)
    case headerPage, format, tasks, printTexts, symbols, clock, version
  }

  private static let textLimit = 1 << 28

  var catalogue = EventCatalogue()
  var sections: [RingSection] = []
  var context = TraceContext()
  var statistics = ImportStatistics()

  /// What a file with this path is for, if for anything.
  static func role(of path: String) -> Role? {
    let parts = path.split(separator: "/")
    guard let name = parts.last else { return nil }
    if name == "trace_pipe_raw" {
      return parts.dropLast().last.flatMap { number(after: "cpu", in: $0) }.map { .pages(cpu: $0) }
    }
    for prefix in ["raw.cpu", "trace_pipe_raw.cpu"] {
      if let cpu = number(after: prefix, in: name) { return .pages(cpu: cpu) }
    }
    switch name {
    case "header_page": return .headerPage
    case "format": return .format
    case "saved_cmdlines": return .tasks
    case "printk_formats": return .printTexts
    case "kallsyms": return .symbols
    case "trace_clock": return .clock
    case "version", "uname": return .version
    default: return name.hasSuffix(".format") ? .format : nil
    }
  }

  private static func number(after prefix: String, in text: Substring) -> UInt16? {
    text.hasPrefix(prefix) ? UInt16(text.dropFirst(prefix.count)) : nil
  }

  /// Whether a file with this path holds pages.
  static func isPages(_ path: String) -> Bool { if case .pages? = role(of: path) { true } else { false } }

  /// Whether there are pages among the files.
  static func isRaw(_ entries: [FolderEntry]) -> Bool {
    entries.contains { isPages($0.path) && $0.size > 0 }
  }

  /// Reads everything but the events. Throws `.damagedStructure` if there are no formats, `.cannotRead`.
  init(_ entries: [FolderEntry], name: String) throws(TraceError) {
    var layout = PageHeaderFormat()
    var hasLayout = false
    for entry in entries where Self.role(of: entry.path) == .headerPage && !hasLayout {
      guard let found = PageHeaderFormat(parsing: try entry.content(limit: 1 << 16)) else { continue }
      layout = found
      hasLayout = true
    }
    catalogue.longSize = layout.commitSize
    try readTexts(entries)
    if catalogue.count == 0 {
      throw TraceError(
        .damagedStructure, input: name, found: "raw pages without the formats of events",
        expected: "files such as events/kmem/kmalloc/format beside them",
        remedy: "Copy /sys/kernel/tracing/events of the traced machine into the directory.")
    }
    catalogue.byteOrder = try Self.byteOrder(entries, layout)
    for entry in entries {
      guard case .pages(let cpu)? = Self.role(of: entry.path), entry.size > 0 else { continue }
      sections.append(
        RingSection(
          bytes: entry.bytes, cpu: cpu, offset: entry.offset, size: entry.size, layout: layout,
          byteOrder: catalogue.byteOrder))
    }
    // Several instances may have the same CPU; each file is a stream of its own.
    sections.sort { $0.cpu < $1.cpu }
    context.container = .rawPages
    context.headerCPUCount = sections.map { Int($0.cpu) + 1 }.max()
    for entry in entries {
      if case .pages(let cpu)? = Self.role(of: entry.path) {
        context.headerCPUCount = max(context.headerCPUCount ?? 0, Int(cpu) + 1)
      }
    }
    context.pointerBytes = catalogue.longSize
    context.features = catalogue.features
  }

  private mutating func readTexts(_ entries: [FolderEntry]) throws(TraceError) {
    for entry in entries {
      switch Self.role(of: entry.path) {
      case .format:
        if !catalogue.addFormat(try entry.content(limit: EventFormat.byteLimit)) {
          statistics.count(.malformedLines, at: .byteOffset(entry.offset), text: "no format of an event: \(entry.path)")
        }
      case .tasks: catalogue.addTasks(try entry.content(limit: Self.textLimit))
      case .printTexts: catalogue.addPrintTexts(try entry.content(limit: Self.textLimit))
      case .symbols:
        let symbols = KernelSymbols(try entry.content(limit: Self.textLimit))
        if symbols.count > 0 { catalogue.symbols = symbols }
      case .clock:
        let text = String(decoding: try entry.content(limit: 4096), as: UTF8.self)
        if let clock = TraceDatClock.chosen(in: text), TraceDatClock.isTicks(clock) { context.clock = .ticks }
      case .version:
        let words = String(decoding: try entry.content(limit: 4096), as: UTF8.self).split { $0 == " " || $0 == "\n" }
        if words.count > 2, words[0] == "Linux" { context.kernelRelease = String(words[2]) }
      default: break
      }
    }
  }

  /// The byte order in which the first page's length can be one: no file of tracefs says it.
  private static func byteOrder(_ entries: [FolderEntry], _ layout: PageHeaderFormat) throws(TraceError) -> ByteOrder {
    for entry in entries {
      guard case .pages? = role(of: entry.path), entry.size > UInt64(layout.dataOffset) else { continue }
      let head = try entry.bytes.bytes(at: entry.offset + UInt64(layout.commitOffset), count: layout.commitSize)
      guard head.count == layout.commitSize else { continue }
      let little = head.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      let big = head.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      let mask: UInt64 = (1 << 27) - 1
      let fitsLittle = little >> 32 == 0 && little & mask <= UInt64(layout.dataSize)
      let fitsBig = big >> 32 == 0 && big & mask <= UInt64(layout.dataSize)
      if fitsLittle != fitsBig { return fitsLittle ? .little : .big }
    }
    return .little
  }
}
