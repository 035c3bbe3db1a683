/// `/proc/sys/vm`, as `sysctl -a` or `grep -r .` prints it: the knobs of the memory management.
public struct SysctlVM: KernelFile {
  /// How the values were printed.
  public enum Layout: Hashable, Sendable {
    /// `vm.swappiness = 60`
    case assignments
    /// `PATH/swappiness:60`
    case listing
  }

  public struct Setting: Hashable, Sendable {
    /// The file's name in /proc/sys/vm, or the whole name of a setting that is none of the memory management.
    public var name: String
    public var value: ByteString
  }

  public var layout: Layout
  /// What `listing` prints before names.
  public var prefix: String
  public var settings: [Setting]
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    let assignments = try? text.peek().map { line throws(SnapshotError) in
      var cursor = line
      return cursor.word(until: "=") != nil && cursor.skipBlanks() > 0 && cursor.take("=")
    }
    if assignments == true {
      layout = .assignments
      prefix = ""
      settings = try text.rows("vm.swappiness = 60") { cursor in
        guard let name = cursor.word(until: "="), cursor.take(" = ") || cursor.take(" =") else { return nil }
        return Setting(name: name.hasPrefix("vm.") ? String(name.dropFirst(3)) : name, value: cursor.rest())
      }
    } else {
      layout = .listing
      let listing = try GrepListing.read(&text, of: "sys/vm/", example: "/proc/sys/vm/swappiness:60")
      prefix = listing.prefix
      settings = listing.rows.map { Setting(name: $0.path, value: $0.value) }
    }
    damage = text.damageSoFar
    if !settings.contains(where: { Self.certainNames.contains($0.name) }) {
      throw SnapshotError(
        .wrongKind, file: content.name, found: "no setting of the memory management",
        expected: "lines such as `vm.swappiness = 60` or `/proc/sys/vm/swappiness:60`",
        remedy: "Record it with `sysctl -a` or `grep -r . /proc/sys/vm`.")
    }
  }

  /// Names of which every kernel has one.
  private static let certainNames: Set<String> = [
    "min_free_kbytes", "swappiness", "overcommit_memory", "dirty_ratio", "lowmem_reserve_ratio", "max_map_count",
  ]

  public subscript(name: String) -> String? { settings.first { $0.name == name }?.value.description }

  /// The value of a knob that is one number.
  public func number(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

  /// The values of a knob that is a row of numbers, such as `lowmem_reserve_ratio`.
  public func numbers(_ name: String) -> [Int]? {
    self[name].map { $0.split { $0 == "\t" || $0 == " " }.compactMap { Int($0) } }
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for setting in settings {
      switch layout {
      case .assignments:
        writer.put((setting.name.contains(".") ? "" : "vm.") + setting.name + " = ")
      case .listing: writer.put(prefix + setting.name + ":")
      }
      writer.put(setting.value)
      writer.newline()
    }
    return writer.bytes
  }
}
