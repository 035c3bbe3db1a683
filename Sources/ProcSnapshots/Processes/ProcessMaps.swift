/// A mapping of a process, as `/proc/PID/maps` and `smaps` print it.
///
/// Follows `show_map_vma` in fs/proc/task_mmu.c, Linux 6.1.
public struct ProcessMapping: Hashable, Sendable {
  public var start: HexNumber
  /// The first address behind it.
  public var end: HexNumber
  /// Such as `rw-p`.
  public var permissions: String
  /// Bytes into the file.
  public var offset: HexNumber
  public var deviceMajor: HexNumber
  public var deviceMinor: HexNumber
  public var inode: UInt64
  /// A file, or a name in brackets such as `[heap]`; empty for anonymous memory.
  public var path: ByteString
  /// The column in which the path begins: 73 on 64-bit kernels, 49 on 32-bit ones.
  var pathColumn: Int

  /// Bytes.
  public var size: UInt64 { end.value >= start.value ? end.value - start.value : 0 }
}

/// `/proc/PID/maps`: what a process has mapped.
public struct ProcessMaps: KernelFile {
  public var mappings: [ProcessMapping]
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    mappings = try text.rows("00400000-00401000 r--p 00000000 00:02 8    /bin/sh") { $0.mapping() }
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for mapping in mappings { writer.mapping(mapping) }
    return writer.bytes
  }
}

extension FieldCursor {
  mutating func mapping() -> ProcessMapping? {
    guard let start = hexadecimal(), take("-"), let end = hexadecimal(), take(" "), let permissions = word(),
      permissions.utf8.count == 4, take(" "), let offset = hexadecimal(), take(" "), let major = hexadecimal(),
      take(":"), let minor = hexadecimal(), take(" "), let inode = decimal()
    else { return nil }
    let behindInode = column
    // What a path begins with can't be told from padding, so blanks belong to the padding.
    skipBlanks()
    let pathColumn = max(column, behindInode)
    return ProcessMapping(
      start: start, end: end, permissions: permissions, offset: offset, deviceMajor: major, deviceMinor: minor,
      inode: inode, path: rest(), pathColumn: pathColumn)
  }
}

extension ByteWriter {
  mutating func mapping(_ mapping: ProcessMapping) {
    var line = ByteWriter()
    line.hexadecimal(mapping.start)
    line.put("-")
    line.hexadecimal(mapping.end)
    line.put(" " + mapping.permissions + " ")
    line.hexadecimal(mapping.offset)
    line.put(" ")
    line.hexadecimal(mapping.deviceMajor)
    line.put(":")
    line.hexadecimal(mapping.deviceMinor)
    line.put(" \(mapping.inode)")
    line.spaces(mapping.pathColumn - line.bytes.count)
    line.put(mapping.path)
    line.newline()
    put(ByteString(line.bytes))
  }
}
