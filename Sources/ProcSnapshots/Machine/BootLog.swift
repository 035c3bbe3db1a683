/// The kernel's own messages (`dmesg`): what they say of memory at boot.
///
/// Follows `e820__print_table` in arch/x86/kernel/e820.c, `reserve_initrd` in arch/x86/kernel/setup.c, `free_area_init` in
/// mm/page_alloc.c (the lines `Zone ranges:` and `Early memory node ranges`) and `mem_init_print_info`, Linux 6.1. Messages
/// about anything else are kept and not read.
public struct BootLog: KernelFile {
  /// A zone of the lines below `Zone ranges:`.
  public struct ZoneRange: Hashable, Sendable {
    public var name: String
    public var addresses: Range<UInt64>
  }

  /// The line `Memory: …`, in KiB.
  public struct Summary: Hashable, Sendable {
    /// Free when the page allocator took over.
    public var available: UInt64
    /// All memory of the map.
    public var total: UInt64
  }

  /// What firmware calls usable (`BIOS-e820`, usable), ascending as printed.
  public private(set) var usable: [Range<UInt64>] = []
  /// The memory of the boot allocator (`Early memory node ranges`).
  public private(set) var nodeMemory: [Range<UInt64>] = []
  public private(set) var zones: [ZoneRange] = []
  /// The initial file system (`RAMDISK`).
  public private(set) var initialDisk: Range<UInt64>?
  public private(set) var summary: Summary?
  private let content: [UInt8]
  public private(set) var damage = FileDamage()

  /// Whether nothing is said of where memory is: the first messages were overwritten.
  public var lacksMap: Bool { usable.isEmpty && nodeMemory.isEmpty }

  public init(parsing content: FileContent) throws(SnapshotError) {
    self.content = content.bytes
    var text = try KernelText(content)
    var lines = 0
    while var line = text.rawLine() {
      lines += 1
      line.skipTime()
      readMap(line)
      readMemory(line)
      if !line.isTerminated { text.markCutShort() }
    }
    damage = text.damageSoFar
    // Any text could be messages; one without a line as the kernel prints them is not.
    if lacksMap, zones.isEmpty, summary == nil, !Self.hasStamps(content.bytes) {
      throw text.wrongKind(nil, expected: "messages such as `[    0.000000] Linux version 6.1.0`")
    }
  }

  private static func hasStamps(_ bytes: [UInt8]) -> Bool {
    bytes.split(separator: 0x0A, maxSplits: 100).prefix(100).contains { line in
      var line = line
      if line.first == 0x3C, let end = line.firstIndex(of: 0x3E) { line = line[(end + 1)...] }
      return line.first == 0x5B && line.prefix(20).contains(0x2E) && line.prefix(20).contains(0x5D)
    }
  }

  private mutating func readMap(_ whole: FieldCursor) {
    var line = whole
    if line.take("BIOS-e820: "), let range = line.memoryRange() {
      line.skipBlanks()
      if line.take("usable") { usable.append(range) }
      return
    }
    line = whole
    if line.take("RAMDISK: "), let range = line.memoryRange() { initialDisk = range }
  }

  private mutating func readMemory(_ whole: FieldCursor) {
    var line = whole
    line.skipBlanks()
    if line.take("node ") {
      line.skipBlanks()
      if line.decimal() != nil, line.take(": "), let range = line.memoryRange() { nodeMemory.append(range) }
      return
    }
    if line.take("Memory: ") {
      if let available = line.decimal(), line.take("K/"), let total = line.decimal(), line.take("K available") {
        summary = Summary(available: available, total: total)
      }
      return
    }
    for name in ["DMA", "DMA32", "Normal", "HighMem", "Movable"] {
      var zone = line
      guard zone.take(Array(name.utf8)), zone.skipBlanks() > 0, let range = zone.memoryRange() else { continue }
      zones.append(ZoneRange(name: name, addresses: range))
    }
  }

  public var bytes: [UInt8] { content }
}

extension FieldCursor {
  /// Takes the level, the time and the thread in front of a message, such as `<6>[    0.000000][    T0] `.
  fileprivate mutating func skipTime() {
    var ahead = self
    if ahead.take("<"), ahead.decimal() == nil || !ahead.take(">") { ahead = self }
    guard ahead.take("[") else { return }
    ahead.skipBlanks()
    guard ahead.decimal() != nil, ahead.take("."), ahead.decimal() != nil, ahead.take("]") else { return }
    if ahead.take("[") {
      guard ahead.bytes(until: 0x5D) != nil, ahead.take("]") else { return }
    }
    _ = ahead.take(" ")
    self = ahead
  }

  /// Takes `[mem 0x0000000000100000-0x000000000ffdbfff]`; `nil` if there is none, or the end lies before the start.
  fileprivate mutating func memoryRange() -> Range<UInt64>? {
    guard take("[mem 0x"), let start = hexadecimal(), take("-0x"), let last = hexadecimal(), take("]"),
      last.value >= start.value, last.value < 1 << 56
    else { return nil }
    return start.value..<last.value + 1
  }
}
