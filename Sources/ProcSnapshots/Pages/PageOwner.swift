/// `/sys/kernel/debug/page_owner`: who allocated every page; for kernels started with `page_owner=on`.
///
/// Follows `print_page_owner` in mm/page_owner.c, Linux 4.x to 6.12: the fields of the first line came one by one.
public struct PageOwner: KernelFile {
  public struct Record: Hashable, Sendable {
    public var order: Int
    /// The allocation's mask and its names, such as `0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)`.
    public var mask: String
    /// 5.2 and later.
    public var pid: Int?
    /// 5.11 and later, with the task's name since 5.18.
    public var tgid: Int?
    public var task: ByteString?
    /// Nanoseconds since boot.
    public var time: UInt64?
    /// When the page was freed before; up to 6.11.
    public var freeTime: UInt64?
    public var frame: UInt64
    /// Whether the frame is printed as hexadecimal: 6.12.
    public var hasHexadecimalFrame: Bool
    /// The migrate type that the request wanted.
    public var type: String
    public var block: UInt64
    /// The pageblock's migrate type.
    public var blockType: String
    /// The page's flags and their names.
    public var flags: String
    /// The stack trace and notes, one line each.
    public var lines: [ByteString]
  }

  public var records: [Record]
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    records = []
    // Pages have few different stacks; equal ones share their storage.
    var stacks: [[ByteString]: [ByteString]] = [:]
    while var cursor = text.line() {
      let first = cursor
      if cursor.isAtEnd { continue }
      guard var record = cursor.allocationLine(), cursor.isAtEnd, var second = text.line() else {
        text.leaveOut(first, expected: "Page allocated via order 0, mask 0x…(…), pid …")
        continue
      }
      guard second.frameLine(&record) else {
        text.leaveOut(second, expected: "PFN … type … Block … type … Flags …")
        continue
      }
      var isWhole = false
      while var line = text.line() {
        if line.isAtEnd {
          isWhole = true
          break
        }
        record.lines.append(line.rest())
      }
      // The last record of a file that was cut short may lack the rest of its stack.
      if !isWhole {
        text.markCutShort()
        text.leaveOut(first, expected: "an empty line behind the stack trace")
        continue
      }
      if let known = stacks[record.lines] { record.lines = known } else { stacks[record.lines] = record.lines }
      records.append(record)
    }
    try text.require(records.count, of: "Page allocated via order 0, mask 0x…(…), pid …")
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for record in records {
      writer.put("Page allocated via order \(record.order), mask \(record.mask)")
      if let pid = record.pid { writer.put(", pid \(pid)") }
      if let tgid = record.tgid { writer.put(", tgid \(tgid)") }
      if let task = record.task {
        writer.put(" (")
        writer.put(task)
        writer.put(")")
      }
      if let time = record.time { writer.put(", ts \(time) ns") }
      if let time = record.freeTime { writer.put(", free_ts \(time) ns") }
      let frame = record.hasHexadecimalFrame ? "0x" + String(record.frame, radix: 16) : String(record.frame)
      writer.put("\nPFN \(frame) type \(record.type) Block \(record.block) type \(record.blockType)")
      writer.put(" Flags \(record.flags)\n")
      for line in record.lines {
        writer.put(line)
        writer.newline()
      }
      writer.newline()
    }
    return writer.bytes
  }
}

extension FieldCursor {
  fileprivate mutating func allocationLine() -> PageOwner.Record? {
    guard take("Page allocated via order "), let order = decimal(), order < 64, take(", mask "),
      let mask = word(until: ",")
    else { return nil }
    var record = PageOwner.Record(
      order: Int(order), mask: mask, frame: 0, hasHexadecimalFrame: false, type: "", block: 0, blockType: "", flags: "",
      lines: [])
    if take(", pid ") {
      guard let pid = signedDecimal() else { return nil }
      record.pid = pid
    }
    if take(", tgid ") {
      guard let tgid = signedDecimal() else { return nil }
      record.tgid = tgid
      if take(" (") { record.task = taskName() }
    }
    if take(", ts ") {
      guard let time = decimal(), take(" ns") else { return nil }
      record.time = time
    }
    if take(", free_ts ") {
      guard let time = decimal(), take(" ns") else { return nil }
      record.freeTime = time
    }
    return record
  }

  /// A task may be named `a) b`; its name ends at the last `)` before the time.
  private mutating func taskName() -> ByteString? {
    let marker = Array("), ts ".utf8)
    let rest = remainder
    guard let end = rest.indices.last(where: { rest[$0...].starts(with: marker) }) else { return nil }
    let name = ByteString(rest[..<end])
    move(to: column + name.bytes.count + 1)
    return name
  }

  fileprivate mutating func frameLine(_ record: inout PageOwner.Record) -> Bool {
    guard take("PFN ") else { return false }
    record.hasHexadecimalFrame = take("0x")
    guard let frame = record.hasHexadecimalFrame ? hexadecimal()?.value : decimal(), take(" type "), let type = word(),
      take(" Block "), let block = decimal(), take(" type "), let blockType = word(), take(" Flags "),
      let flags = plainRest()
    else { return false }
    record.frame = frame
    record.type = type
    record.block = block
    record.blockType = blockType
    record.flags = flags
    return true
  }
}
