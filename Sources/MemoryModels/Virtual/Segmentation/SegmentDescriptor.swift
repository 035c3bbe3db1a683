/// What a segment register holds: an index into a descriptor table, and a privilege level.
public struct SegmentSelector: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt16

  public init(rawValue: UInt16) { self.rawValue = rawValue }
  public init(_ rawValue: UInt16) { self.rawValue = rawValue }

  public var index: Int { Int(rawValue >> 3) }
  /// The local descriptor table (TI), not the global one.
  public var isLocal: Bool { rawValue & 4 != 0 }
  /// The requested privilege level (RPL), 0 to 3.
  public var requestedPrivilege: Int { Int(rawValue & 3) }
  /// Names nothing: the first entry of the global table.
  public var isNull: Bool { rawValue & ~3 == 0 }
}

/// A segment descriptor of IA-32: 64 bits.
///
/// Follows the Intel 64 manual, volume 3, section 3.4.5.
public struct SegmentDescriptor: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// Puts a descriptor together: 32 bits of base, 20 of limit, 4 of type.
  public init(
    base: UInt32, limit: UInt32, type: UInt8, isSystem: Bool = false, privilege: Int = 0, isPresent: Bool = true,
    isAvailable: Bool = false, isLong: Bool = false, isBig: Bool = true, hasPageGranularity: Bool = true
  ) {
    var raw = UInt64(limit & 0xFFFF) | UInt64(limit >> 16 & 0xF) << 48
    raw |= UInt64(base & 0xFF_FFFF) << 16 | UInt64(base >> 24) << 56
    raw |= UInt64(type & 0xF) << 40 | (isSystem ? 0 : 1 << 44) | UInt64(privilege & 3) << 45
    raw |= (isPresent ? 1 << 47 : 0) | (isAvailable ? 1 << 52 : 0) | (isLong ? 1 << 53 : 0)
    rawValue = raw | (isBig ? 1 << 54 : 0) | (hasPageGranularity ? 1 << 55 : 0)
  }

  public var base: UInt32 { UInt32(rawValue >> 16 & 0xFF_FFFF | (rawValue >> 56) << 24) }
  /// The limit as it stands, 20 bits.
  public var limit: UInt32 { UInt32(rawValue & 0xFFFF | (rawValue >> 48 & 0xF) << 16) }
  public var type: UInt8 { UInt8(rawValue >> 40 & 0xF) }
  /// S is 0: a gate, a task state, a local table.
  public var isSystem: Bool { rawValue >> 44 & 1 == 0 }
  /// DPL.
  public var privilege: Int { Int(rawValue >> 45 & 3) }
  public var isPresent: Bool { rawValue >> 47 & 1 != 0 }
  public var isAvailable: Bool { rawValue >> 52 & 1 != 0 }
  /// L: 64-bit code.
  public var isLong: Bool { rawValue >> 53 & 1 != 0 }
  /// D/B: 32-bit code, or a stack and upper bound of 32 bits.
  public var isBig: Bool { rawValue >> 54 & 1 != 0 }
  /// G: the limit counts pages of 4 KiB.
  public var hasPageGranularity: Bool { rawValue >> 55 & 1 != 0 }

  public var isCode: Bool { !isSystem && type & 8 != 0 }
  public var isData: Bool { !isSystem && type & 8 == 0 }
  public var isWritable: Bool { isData && type & 2 != 0 }
  public var isReadable: Bool { isData || isCode && type & 2 != 0 }
  public var isExpandDown: Bool { isData && type & 4 != 0 }
  public var isConforming: Bool { isCode && type & 4 != 0 }
  public var isAccessed: Bool { !isSystem && type & 1 != 0 }

  /// The limit in bytes: the highest offset, or for a segment that expands down, the last offset that is not valid.
  public var effectiveLimit: UInt32 { hasPageGranularity ? limit << 12 | 0xFFF : limit }

  /// The offsets that are valid; `nil` if none is.
  public var offsets: ClosedRange<UInt32>? {
    if !isExpandDown { return 0...effectiveLimit }
    let top: UInt32 = isBig ? .max : 0xFFFF
    return effectiveLimit < top ? effectiveLimit + 1...top : nil
  }

  /// Whether so many bytes from an offset on are valid.
  public func contains(_ offset: UInt32, bytes: UInt32) -> Bool {
    let (last, wraps) = offset.addingReportingOverflow(max(bytes, 1) - 1)
    guard !wraps, let offsets else { return false }
    return offsets.contains(offset) && offsets.contains(last)
  }
}

extension SegmentDescriptor: CustomStringConvertible {
  /// Such as `code, readable, DPL 3, base 0x0, limit 0xffffffff`.
  public var description: String {
    var words: [String]
    if isSystem {
      words = ["system type \(type)"]
    } else if isCode {
      words = ["code", isReadable ? "readable" : "execute-only"] + (isConforming ? ["conforming"] : [])
    } else {
      words = ["data", isWritable ? "writable" : "read-only"] + (isExpandDown ? ["expand-down"] : [])
    }
    if !isPresent { words.append("not present") }
    words += ["DPL \(privilege)", "base 0x" + String(base, radix: 16), "limit 0x" + String(effectiveLimit, radix: 16)]
    return words.joined(separator: ", ")
  }
}

/// A descriptor table: the global one, or a local one.
public struct DescriptorTable: Hashable, Sendable {
  /// By index; what is missing between them is zero.
  public private(set) var entries: [UInt64] = []

  public init() {}

  /// The descriptor of a selector; `nil` behind the end of the table.
  public subscript(selector: SegmentSelector) -> SegmentDescriptor? {
    get { selector.index < entries.count ? SegmentDescriptor(entries[selector.index]) : nil }
    set {
      while entries.count <= selector.index { entries.append(0) }
      entries[selector.index] = newValue?.rawValue ?? 0
    }
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// The flat segments of Linux on 32-bit x86: kernel code 0x60, data 0x68, user code 0x73, data 0x7b.
  /// Follows `gdt_page` in arch/x86/kernel/cpu/common.c, Linux 6.1.
  public static let linuxIA32: DescriptorTable = {
    var table = DescriptorTable()
    for (selector, type, privilege) in [(0x60, 0xA, 0), (0x68, 0x2, 0), (0x73, 0xA, 3), (0x7B, 0x2, 3)] {
      table[SegmentSelector(UInt16(selector))] = SegmentDescriptor(
        base: 0, limit: 0xFFFFF, type: UInt8(type), privilege: privilege)
    }
    return table
  }()
}
