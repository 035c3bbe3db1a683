/// The allocation flags of a request, as far as the models need them.
///
/// Kernels move the bits about between versions, so these are our own positions: flags are read by *name* from text, or
/// through the event's format in binary containers.
public struct GFPFlags: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let dma = GFPFlags(rawValue: 1 << 0)
  public static let highMemory = GFPFlags(rawValue: 1 << 1)
  public static let dma32 = GFPFlags(rawValue: 1 << 2)
  public static let movable = GFPFlags(rawValue: 1 << 3)
  public static let reclaimable = GFPFlags(rawValue: 1 << 4)
  public static let high = GFPFlags(rawValue: 1 << 5)
  public static let inputOutput = GFPFlags(rawValue: 1 << 6)
  public static let fileSystem = GFPFlags(rawValue: 1 << 7)
  public static let zero = GFPFlags(rawValue: 1 << 8)
  public static let directReclaim = GFPFlags(rawValue: 1 << 9)
  public static let kswapdReclaim = GFPFlags(rawValue: 1 << 10)
  public static let noWarn = GFPFlags(rawValue: 1 << 11)
  public static let retryMayFail = GFPFlags(rawValue: 1 << 12)
  public static let noFail = GFPFlags(rawValue: 1 << 13)
  public static let noRetry = GFPFlags(rawValue: 1 << 14)
  public static let memoryReserves = GFPFlags(rawValue: 1 << 15)
  public static let compound = GFPFlags(rawValue: 1 << 16)
  public static let noMemoryReserves = GFPFlags(rawValue: 1 << 17)
  public static let hardWall = GFPFlags(rawValue: 1 << 18)
  public static let thisNode = GFPFlags(rawValue: 1 << 19)
  public static let account = GFPFlags(rawValue: 1 << 20)
  public static let write = GFPFlags(rawValue: 1 << 21)
  public static let atomic = GFPFlags(rawValue: 1 << 22)
  /// The old hint for a cache-cold page, which reversed the per-CPU list's order.
  public static let cold = GFPFlags(rawValue: 1 << 23)

  /// Both kinds of reclaim: `__GFP_RECLAIM`, `__GFP_WAIT` before 4.4.
  public static let reclaim: GFPFlags = [.directReclaim, .kswapdReclaim]
  public static let kernel: GFPFlags = [.reclaim, .inputOutput, .fileSystem]
  /// What requests for pages of processes have in common: `GFP_HIGHUSER_MOVABLE` and its kin.
  public static let userPage: GFPFlags = [.highMemory, .movable]

  /// Reads flags as `__print_flags` prints them: `GFP_KERNEL|__GFP_ZERO`, `none`, with hexadecimal leftovers ignored.
  ///
  /// Names of every era are known, with and without leading underscores; `unknown` counts the ones that are not.
  public init(parsing text: String, unknown: inout Int) {
    self = []
    for part in text.split(separator: "|") {
      var name = part
      if name.hasPrefix("__") { name = name.dropFirst(2) }
      if let flags = Self.names[String(name)] {
        formUnion(flags)
      } else if part != "none" {
        unknown += 1
      }
    }
  }

  /// Reads flags as the kernel prints them; names that are not known are ignored.
  public init(parsing text: String) {
    var unknown = 0
    self.init(parsing: text, unknown: &unknown)
  }

  private static let user: GFPFlags = [.kernel, .hardWall]

  // The composites of include/linux/gfp_types.h (6.1) and the names older kernels had for the single bits.
  private static let names: [String: GFPFlags] = [
    "GFP_KERNEL": kernel, "GFP_KERNEL_ACCOUNT": [kernel, .account], "GFP_ATOMIC": [.high, .atomic, .kswapdReclaim],
    "GFP_NOWAIT": .kswapdReclaim, "GFP_NOIO": reclaim, "GFP_NOFS": [reclaim, .inputOutput], "GFP_USER": user,
    "GFP_TEMPORARY": [kernel, .reclaimable], "GFP_HIGHUSER": [user, .highMemory],
    "GFP_HIGHUSER_MOVABLE": [user, .highMemory, .movable],
    "GFP_TRANSHUGE_LIGHT": [
      .inputOutput, .fileSystem, .hardWall, .highMemory, .movable, .compound, .noMemoryReserves, .noWarn,
    ],
    "GFP_TRANSHUGE": [
      .inputOutput, .fileSystem, .hardWall, .highMemory, .movable, .compound, .noMemoryReserves, .noWarn,
      .directReclaim,
    ],
    "GFP_DMA": .dma, "GFP_HIGHMEM": .highMemory, "GFP_DMA32": .dma32, "GFP_MOVABLE": .movable,
    "GFP_RECLAIMABLE": .reclaimable, "GFP_HIGH": .high, "GFP_WAIT": reclaim, "GFP_RECLAIM": reclaim,
    "GFP_IO": .inputOutput, "GFP_FS": .fileSystem, "GFP_ZERO": .zero, "GFP_DIRECT_RECLAIM": .directReclaim,
    "GFP_KSWAPD_RECLAIM": .kswapdReclaim, "GFP_NOWARN": .noWarn, "GFP_REPEAT": .retryMayFail,
    "GFP_RETRY_MAYFAIL": .retryMayFail, "GFP_NOFAIL": .noFail, "GFP_NORETRY": .noRetry,
    "GFP_MEMALLOC": .memoryReserves, "GFP_COMP": .compound, "GFP_NOMEMALLOC": .noMemoryReserves,
    "GFP_HARDWALL": .hardWall, "GFP_THISNODE": .thisNode, "GFP_ACCOUNT": .account, "GFP_WRITE": .write,
    "GFP_COLD": .cold, "GFP_NOTRACK": [], "GFP_NO_KSWAPD": [], "GFP_OTHER_NODE": [], "GFP_ZEROTAGS": [],
    "GFP_SKIP_ZERO": [], "GFP_SKIP_KASAN": [], "GFP_SKIP_KASAN_POISON": [], "GFP_SKIP_KASAN_UNPOISON": [],
    "GFP_NOLOCKDEP": [], "GFP_NO_OBJ_EXT": [],
  ]
}
