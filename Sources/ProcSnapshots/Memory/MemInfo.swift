/// `/proc/meminfo`: where the machine's memory is, in kilobytes (of 1024 bytes).
///
/// Follows `meminfo_proc_show` in fs/proc/meminfo.c, Linux 6.1. Which lines there are differs by kernel.
public struct MemInfo: KernelFile {
  public var fields: [NumberField]
  public var damage = FileDamage()

  /// The value of a name: kilobytes, or a plain number for `HugePages_…`.
  public subscript(name: String) -> UInt64? { fields.first { $0.name == name }?.value }

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    fields = try text.rows("MemTotal:         240916 kB") { $0.numberField() }
    damage = text.damageSoFar
    if self["MemTotal"] == nil, self["MemFree"] == nil, self["Slab"] == nil {
      throw SnapshotError(
        .wrongKind, file: content.name, found: "neither MemTotal nor MemFree",
        expected: "lines such as `MemTotal:         240916 kB`", remedy: "Check that the file is what its name says.")
    }
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for field in fields { writer.numberField(field) }
    return writer.bytes
  }
}
