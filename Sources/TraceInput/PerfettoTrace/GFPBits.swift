import KernelTypes

/// Names the bits of `gfp_flags` where a trace has the number but not the table that belongs to it.
///
/// Follows `show_gfp_flags` in include/trace/events/mmflags.h and the bits of include/linux/gfp_types.h: they are the
/// same from Linux 5.10 to 6.2, and up to 6.12 except for `__GFP_ATOMIC`, which went with 6.3.
struct GFPBits {
  private let table: [(mask: UInt64, name: String)]

  /// The table of a kernel; `nil` for versions whose bits are not known here.
  init?(_ kernel: KernelVersion) {
    if kernel < KernelVersion(5, 10) { return nil }
    let hasAtomic = kernel < KernelVersion(6, 3)
    table = Self.table.compactMap { mask, name in
      if hasAtomic { return (mask, name) }
      if name == "__GFP_ATOMIC" { return nil }
      return name == "GFP_ATOMIC" ? (Self.high | Self.kswapdReclaim, name) : (mask, name)
    }
  }

  /// The flags as the kernel prints them: names joined by `|`, what has none in hexadecimal, `none` for 0.
  func text(_ flags: UInt64) -> String {
    if flags == 0 { return "none" }
    var rest = flags
    var names: [String] = []
    for (mask, name) in table where rest & mask == mask {
      names.append(name)
      rest &= ~mask
    }
    if rest != 0 { names.append("0x" + String(rest, radix: 16)) }
    return names.joined(separator: "|")
  }

  private static let high: UInt64 = 0x20
  private static let kswapdReclaim: UInt64 = 0x800
  private static let kernel: UInt64 = 0xCC0
  private static let user: UInt64 = kernel | 0x10_0000
  private static let transhugeLight: UInt64 = (user | 0x2 | 0x8 | 0x4_0000 | 0x8_0000 | 0x2000) & ~0xC00

  private static let table: [(UInt64, String)] = [
    (transhugeLight | 0x400, "GFP_TRANSHUGE"), (transhugeLight, "GFP_TRANSHUGE_LIGHT"),
    (user | 0x2 | 0x8, "GFP_HIGHUSER_MOVABLE"), (user | 0x2, "GFP_HIGHUSER"), (user, "GFP_USER"),
    (kernel | 0x40_0000, "GFP_KERNEL_ACCOUNT"), (kernel, "GFP_KERNEL"), (0xC40, "GFP_NOFS"),
    (high | 0x200 | kswapdReclaim, "GFP_ATOMIC"), (0xC00, "GFP_NOIO"), (kswapdReclaim, "GFP_NOWAIT"),
    (0x1, "GFP_DMA"), (0x2, "__GFP_HIGHMEM"), (0x4, "GFP_DMA32"), (high, "__GFP_HIGH"), (0x200, "__GFP_ATOMIC"),
    (0x40, "__GFP_IO"), (0x80, "__GFP_FS"), (0x2000, "__GFP_NOWARN"), (0x4000, "__GFP_RETRY_MAYFAIL"),
    (0x8000, "__GFP_NOFAIL"), (0x1_0000, "__GFP_NORETRY"), (0x4_0000, "__GFP_COMP"), (0x100, "__GFP_ZERO"),
    (0x8_0000, "__GFP_NOMEMALLOC"), (0x2_0000, "__GFP_MEMALLOC"), (0x10_0000, "__GFP_HARDWALL"),
    (0x20_0000, "__GFP_THISNODE"), (0x10, "__GFP_RECLAIMABLE"), (0x8, "__GFP_MOVABLE"),
    (0x40_0000, "__GFP_ACCOUNT"), (0x1000, "__GFP_WRITE"), (0xC00, "__GFP_RECLAIM"),
    (0x400, "__GFP_DIRECT_RECLAIM"), (kswapdReclaim, "__GFP_KSWAPD_RECLAIM"), (0x80_0000, "__GFP_ZEROTAGS"),
  ]
}
