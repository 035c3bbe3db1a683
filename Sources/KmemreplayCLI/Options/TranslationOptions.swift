import ArgumentParser
import KernelTypes
import MemoryModels

/// A number that is written in hexadecimal, with or without `0x`.
struct Hexadecimal: ExpressibleByArgument {
  var value: UInt64

  init(_ value: UInt64) { self.value = value }

  init?(argument: String) {
    var digits = argument[...]
    if digits.hasPrefix("0x") || digits.hasPrefix("0X") { digits = digits.dropFirst(2) }
    guard let first = digits.utf8.first, first != 0x2B, first != 0x2D, let value = UInt64(digits, radix: 16) else {
      return nil
    }
    self.value = value
  }
}

/// An address in hexadecimal, or a place in a scenario.
struct AddressArgument: ExpressibleByArgument {
  var text: String
  /// `nil` if it is no number.
  var value: UInt64?

  init?(argument: String) {
    if argument.isEmpty { return nil }
    text = argument
    value = Hexadecimal(argument: argument)?.value
  }
}

/// A mapping of `--map`: `VA=PA[:SIZE[:FLAGS]]`.
struct MappingArgument: ExpressibleByArgument {
  var address: UInt64
  var physical: UInt64
  /// `nil` for the smallest page.
  var bytes: UInt64?
  var permissions: PagePermissions = [.read, .write, .user]
  var isGlobal = false

  init?(argument: String) {
    let sides = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard sides.count == 2, let address = Hexadecimal(argument: String(sides[0])) else { return nil }
    let parts = sides[1].split(separator: ":", omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count), let physical = Hexadecimal(argument: String(parts[0])) else { return nil }
    self.address = address.value
    self.physical = physical.value
    if parts.count > 1, !parts[1].isEmpty {
      guard let bytes = Self.size(parts[1]) else { return nil }
      self.bytes = bytes
    }
    if parts.count > 2 {
      permissions = []
      for letter in parts[2] {
        switch letter {
        case "r": permissions.insert(.read)
        case "w": permissions.insert(.write)
        case "x": permissions.insert(.execute)
        case "u": permissions.insert(.user)
        case "g": isGlobal = true
        case "-": break
        default: return nil
        }
      }
    }
  }

  /// A size such as `4K`, `2M`, `1G`, or bytes.
  private static func size(_ text: Substring) -> UInt64? {
    if let bytes = UInt64(text) { return bytes }
    guard let unit = text.last, let shift = ["K": 10, "M": 20, "G": 30][unit], let count = UInt64(text.dropLast()),
      count < 1 << 20
    else { return nil }
    return count << UInt64(shift)
  }
}

/// What an access does, for `--access`.
enum AccessOption: String, CaseIterable, ExpressibleByArgument {
  case read, write, execute

  var kind: MemoryAccess.Kind {
    switch self {
    case .read: .read
    case .write: .write
    case .execute: .execute
    }
  }
}

/// Which tables, of which machine.
struct TranslationOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "A text file with words of physical memory: the tables. `-` is standard input.",
      discussion: """
        One statement a line, numbers are hexadecimal, # begins a comment:
          scheme x86_64            the tables' scheme (--scheme wins)
          root 1000                CR3, TTBR0 or TTBR1 (--root wins)
          17f0: 2067 0 4067        physical address: the entries from there on
          gdt 60: 00cf9b000000ffff the IA-32 descriptor of a selector
        Of a table page of which any word is listed, the others are zero.
        """, valueName: "file"))
  var tables: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Make tables with this page in them (repeatable), in frames from 1 on: addresses in hexadecimal, a size such as 4K, 2M or 1G, and letters of rwxug (default: the smallest page, rwu).",
      valueName: "va=pa:size:flags"))
  var map: [MappingArgument] = []

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The tables of a process as a scenario leaves it. `-` is standard input. The address may be a region's name, with an offset such as data+0x2000.",
      valueName: "file"))
  var scenario: String?

  @Option(
    name: .long, help: ArgumentHelp("Which of the scenario's processes, if more than one is alive.", valueName: "name"))
  var process: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How addresses are translated: \(TranslationScheme.all().map(\.name).joined(separator: ", ")) (default: by --arch).",
      valueName: "name"))
  var scheme: String?

  @Option(name: .long, help: "The architecture, if no scheme is given: the scheme that it usually has.")
  var arch: Architecture = .x86_64

  @Option(name: .long, help: ArgumentHelp("The value of CR3, TTBR0 or TTBR1.", valueName: "address"))
  var root: Hexadecimal?

  @Flag(name: .long, help: "x86: the kernel may write to read-only pages (CR0.WP is 0).")
  var noWriteProtect = false

  @Flag(name: .long, help: "x86: entries can't forbid execution (EFER.NXE is 0).")
  var noExecuteDisable = false

  @Flag(name: .long, help: "x86: the kernel may not execute user pages (CR4.SMEP).")
  var smep = false

  @Flag(name: .long, help: "The kernel may not touch user pages (CR4.SMAP with AC clear, or PAN).")
  var smap = false

  @Option(name: .long, help: ArgumentHelp("x86-64: the protection key rights register.", valueName: "hex"))
  var pkru: Hexadecimal?

  @Option(
    name: .long, help: ArgumentHelp("ARM: the domain access register (default: all are clients).", valueName: "hex"))
  var dacr: Hexadecimal?

  func validate() throws {
    let sources = (tables == nil ? 0 : 1) + (map.isEmpty ? 0 : 1) + (scenario == nil ? 0 : 1)
    if sources > 1 { throw ValidationError("--tables, --map and --scenario exclude each other.") }
    if sources == 0 { throw ValidationError("There are no tables: give --tables, --map, or --scenario.") }
    if process != nil, scenario == nil { throw ValidationError("--process is about --scenario; give one.") }
    if scheme != nil, scenario != nil { throw ValidationError("The scenario says by which scheme: `machine scheme=`.") }
    if let scheme, TranslationScheme(named: scheme) == nil {
      let names = TranslationScheme.all().map(\.name).joined(separator: ", ")
      throw ValidationError("--scheme \(scheme) is not known; expected one of \(names).")
    }
    if root != nil, tables == nil { throw ValidationError("--root belongs to --tables; --map makes its own tables.") }
    for (name, value) in [("--pkru", pkru), ("--dacr", dacr)] {
      if let value, value.value >> 32 != 0 { throw ValidationError("\(name) has 32 bits.") }
    }
  }

  /// The scheme's name by the options alone; a dump may say otherwise if `--scheme` isn't given.
  var schemeName: String {
    if let scheme { return scheme }
    switch arch {
    case .x86_64: return "x86_64"
    case .x86: return "ia32"
    case .arm64: return "arm64-4k"
    case .arm: return "arm"
    }
  }

  var controls: TranslationControls {
    var controls = TranslationControls()
    controls.protectsFromKernelWrites = !noWriteProtect
    controls.hasNoExecute = !noExecuteDisable
    controls.preventsKernelExecution = smep
    controls.preventsKernelAccess = smap
    controls.protectionKeyRights = pkru.map { UInt32(truncatingIfNeeded: $0.value) }
    if let dacr { controls.domainAccess = UInt32(truncatingIfNeeded: dacr.value) }
    return controls
  }
}
