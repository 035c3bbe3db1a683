/// `/proc/vmstat`: the memory management's counters, each since boot or as of now.
///
/// Follows `vmstat_show` in mm/vmstat.c, Linux 6.1.
public struct VMStat: KernelFile {
  public struct Counter: Hashable, Sendable {
    public var name: String
    /// Pages for most `nr_…` names, a number of events otherwise.
    public var value: UInt64
  }

  public var counters: [Counter]
  public var damage = FileDamage()

  public subscript(name: String) -> UInt64? { counters.first { $0.name == name }?.value }

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    counters = try text.rows("nr_free_pages 42937") { cursor in
      guard let name = cursor.word(), cursor.skipBlanks() > 0, let value = cursor.decimal() else { return nil }
      return Counter(name: name, value: value)
    }
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for counter in counters { writer.put("\(counter.name) \(counter.value)\n") }
    return writer.bytes
  }
}
