/// The sections of a kernel's image in memory, and the holes that their alignment leaves between them.
///
/// Sections whose permissions differ start on boundaries that page tables can tell apart: 2 MiB on x86-64, 1 MiB or 2 MiB
/// on ARM with strict permissions, so up to that much is lost before each. Follows vmlinux.lds.S of arch/x86 and arch/arm,
/// Linux 6.1.
public struct KernelImage: Hashable, Sendable {
  /// A section.
  public struct Section: Hashable, Sendable {
    public var name: String
    public var start: UInt64
    /// Bytes.
    public var size: UInt64
    /// The alignment that the file says, in bytes; 0 if it does not say.
    public var alignment: UInt64

    public init(name: String, start: UInt64, size: UInt64, alignment: UInt64 = 0) {
      self.name = name
      self.start = start
      self.size = size
      self.alignment = alignment
    }

    /// The address after the last.
    public var end: UInt64 { start &+ size }
    /// The largest power of two that the start is a multiple of.
    public var actualAlignment: UInt64 { start == 0 ? 0 : 1 << UInt64(start.trailingZeroBitCount) }
  }

  /// A section with what lies unused before it.
  public struct Placed: Hashable, Sendable {
    public var section: Section
    /// Bytes between the section before and this one.
    public var holeBefore: UInt64
  }

  /// Ascending, without overlaps; sections inside others are left out.
  public private(set) var sections: [Placed] = []

  public init(_ sections: [Section]) {
    var end: UInt64?
    for section in sections.filter({ $0.size > 0 }).sorted(by: { ($0.start, $1.size) < ($1.start, $0.size) }) {
      guard section.end > section.start else { continue }
      if let last = end, section.start < last { continue }
      self.sections.append(Placed(section: section, holeBefore: end.map { section.start - $0 } ?? 0))
      end = section.end
    }
  }

  /// Bytes from the first section to the end of the last.
  public var spanBytes: UInt64 {
    guard let first = sections.first, let last = sections.last else { return 0 }
    return last.section.end - first.section.start
  }

  /// Bytes in sections.
  public var usedBytes: UInt64 { sections.reduce(0) { $0 &+ $1.section.size } }

  /// Bytes between sections.
  public var holeBytes: UInt64 { spanBytes - usedBytes }

  /// Bytes of the start-up code and data, which are freed after boot.
  public var initialBytes: UInt64 {
    sections.reduce(0) { $0 &+ ($1.section.name.contains("init") ? $1.section.size : 0) }
  }
}
