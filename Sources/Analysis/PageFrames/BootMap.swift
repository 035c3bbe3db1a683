public import KernelTypes
public import MemoryModels
public import ProcSnapshots

/// Where memory was when a kernel handed it to the page allocator, what of it was taken by then, and how that is known.
public struct BootMap: Sendable {
  /// What tells where memory is.
  public enum Source: String, Sendable {
    /// The kernel's messages.
    case bootLog
    case ioMemory
    /// Only the frames that the trace's events name.
    case trace
  }

  /// Why memory was not handed over.
  public enum Reason: String, Sendable, CaseIterable {
    /// The first MiB, which x86 keeps from 5.13 on. `reserve_real_mode` in arch/x86/realmode/init.c, Linux 6.1.
    case firstMebibyte
    /// From the start of its code to the end of its zeroed data, by iomem.
    case kernelImage
    /// The initial file system, by the kernel's messages.
    case initialDisk
    /// The reserved flag of kpageflags from after.
    case pageFlags
    /// As many pages as the message `Memory: …` leaves unexplained beside the kernel image, from the top down, as the boot
    /// allocator takes them.
    case topDown
  }

  public struct Reservation: Sendable, Equatable {
    public var reason: Reason
    /// Pages that this reason adds to those before it.
    public var pages: UInt64
  }

  public var source: Source
  public var boot = Memblock()
  public var reservations: [Reservation] = []
  public var spans: [ZoneSpan] = []

  /// Pages of the map.
  public func memoryPages(pageSize: Int) -> UInt64 { Self.pages(boot.memory, pageSize) }

  private static func pages(_ ranges: [Range<UInt64>], _ pageSize: Int) -> UInt64 {
    ranges.reduce(0) { $0 + $1.upperBound / UInt64(pageSize) - min($1.lowerBound / UInt64(pageSize), $1.upperBound) }
  }

  /// The map as the files tell it: `log` and `ioMemory` of this boot, `flags` from any moment after; `nil` if they say
  /// nothing and the trace names no frame.
  public init?(
    log: BootLog?, ioMemory: IOMemory?, flags: KPageFlags?, zoneInfo: ZoneInfo?, lastFrame: UInt64,
    profile: KernelProfile
  ) {
    let size = UInt64(profile.pageSize)
    let isX86 = profile.architecture == .x86_64 || profile.architecture == .x86
    let systemMemory = (ioMemory?.isHidden == true ? nil : ioMemory)?.regions.filter {
      $0.name.description == "System RAM"
    }
    if let log, !log.lacksMap {
      source = .bootLog
      for range in log.nodeMemory.isEmpty ? log.usable : log.nodeMemory { boot.add(range) }
    } else if let systemMemory, !systemMemory.isEmpty {
      source = .ioMemory
      for region in systemMemory where region.size > 0 && region.end.value < 1 << 56 {
        boot.add(region.start.value..<region.end.value + 1)
      }
    } else {
      guard lastFrame > 0 else { return nil }
      source = .trace
      boot.add(0..<lastFrame * size)
    }
    trim(isX86: isX86, size)
    reserve(log, ioMemory, flags, profile)
    spans = Self.spans(log, zoneInfo, boot, profile)
    if spans.isEmpty { return nil }
  }

  /// Whole pages only; x86 never hands out frame 0, nor the hole below the first MiB's end. Follows `e820__memblock_setup`
  /// and `trim_bios_range` in arch/x86/kernel, Linux 6.1.
  private mutating func trim(isX86: Bool, _ size: UInt64) {
    for range in boot.memory {
      let first = (range.lowerBound + size - 1) / size * size
      let last = range.upperBound / size * size
      if first > range.lowerBound { boot.remove(range.lowerBound..<min(first, range.upperBound)) }
      if last < range.upperBound { boot.remove(max(last, range.lowerBound)..<range.upperBound) }
    }
    if isX86 {
      boot.remove(0..<size)
      boot.remove(0xA_0000..<0x10_0000)
    }
  }

  private mutating func reserve(
    _ log: BootLog?, _ ioMemory: IOMemory?, _ flags: KPageFlags?, _ profile: KernelProfile
  ) {
    let size = UInt64(profile.pageSize)
    let isX86 = profile.architecture == .x86_64 || profile.architecture == .x86
    if isX86, profile.kernel >= KernelVersion(5, 13) { reserve(.firstMebibyte, size) { $0.reserve(0..<1 << 20) } }
    let image = (ioMemory?.regions ?? []).filter { $0.name.description.hasPrefix("Kernel ") && $0.size > 0 }
    if let start = image.map(\.start.value).min(), let end = image.map(\.end.value).max(), start > 0, end < 1 << 56 {
      let range = start / size * size..<(end / size + 1) * size
      reserve(.kernelImage, size) { $0.reserve(range) }
    }
    if let disk = log?.initialDisk {
      let range = disk.lowerBound / size * size..<(disk.upperBound + size - 1) / size * size
      reserve(.initialDisk, size) { $0.reserve(range) }
    }
    if let flags {
      reserve(.pageFlags, size) { boot in
        var start: Int?
        for frame in 0...flags.pages.words.count {
          let isReserved = frame < flags.pages.words.count && flags.flags(of: frame).contains(.reserved)
          if isReserved, start == nil { start = frame }
          if !isReserved, let first = start {
            boot.reserve(UInt64(first) * size..<UInt64(frame) * size)
            start = nil
          }
        }
      }
    } else if let summary = log?.summary, reservations.contains(where: { $0.reason == .kernelImage }) {
      // Without the image's place, most of the rest is the image.
      let free = Self.pages(boot.free, Int(size))
      let handedOver = min(summary.available, 1 << 50) * 1024 / size
      if free > handedOver { reserve(.topDown, size) { Self.takeFromTop(&$0, (free - handedOver) * size) } }
    }
  }

  private mutating func reserve(_ reason: Reason, _ size: UInt64, _ change: (inout Memblock) -> Void) {
    let before = Self.pages(boot.free, Int(size))
    change(&boot)
    let after = Self.pages(boot.free, Int(size))
    if after < before { reservations.append(Reservation(reason: reason, pages: before - after)) }
  }

  private static func takeFromTop(_ boot: inout Memblock, _ bytes: UInt64) {
    var left = bytes
    for range in boot.free.reversed() where left > 0 {
      let part = min(left, range.upperBound - range.lowerBound)
      boot.reserve(range.upperBound - part..<range.upperBound)
      left -= part
    }
  }

  private static func spans(
    _ log: BootLog?, _ zoneInfo: ZoneInfo?, _ boot: Memblock, _ profile: KernelProfile
  ) -> [ZoneSpan] {
    let known = (zoneInfo?.zones ?? []).compactMap { zone -> ZoneSpan? in
      guard let kind = MachineStart.kind(zone.id.zone), zone.isPopulated, let start = zone["start_pfn"],
        let spanned = zone["spanned"], (0...1 << 40).contains(start), (1...1 << 40).contains(spanned)
      else { return nil }
      let first = PageFrame(UInt64(start))
      return ZoneSpan(kind: kind, frames: first..<first + UInt64(spanned))
    }
    let size = UInt64(profile.pageSize)
    let printed = (log?.zones ?? []).compactMap { zone -> ZoneSpan? in
      guard let kind = MachineStart.kind(zone.name) else { return nil }
      return ZoneSpan(
        kind: kind,
        frames: PageFrame(zone.addresses.lowerBound / size)..<PageFrame(zone.addresses.upperBound / size))
    }
    var spans = known.isEmpty ? printed : known
    if spans.isEmpty {
      spans = ZoneSpan.spans(
        start: PageFrame((boot.memory.first?.lowerBound ?? 0) / size),
        end: PageFrame((boot.memory.last?.upperBound ?? 0) / size), architecture: profile.architecture,
        pageSize: profile.pageSize)
    }
    spans = spans.filter { $0.frames.upperBound.rawValue <= 1 << 36 && !$0.frames.isEmpty }
    spans.sort { $0.frames.lowerBound < $1.frames.lowerBound }
    // Several nodes are one machine here; what a second one has is not followed.
    var kept: [ZoneSpan] = []
    for span in spans where kept.last.map({ $0.frames.upperBound <= span.frames.lowerBound }) ?? true {
      kept.append(span)
    }
    return kept
  }
}
