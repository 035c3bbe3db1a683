/// Why an access could not be translated, with what the processor tells the kernel about it.
public struct TranslationFault: Hashable, Sendable, Error {
  public enum Reason: UInt8, Hashable, Sendable, CaseIterable {
    /// The address has upper bits that nothing translates.
    case notCanonical
    /// An entry on the way is not present (x86), or invalid (ARM: a translation fault).
    case notPresent
    /// An entry has bits set that must be zero.
    case reservedBits
    /// The page is read-only.
    case notWritable
    /// The page may not be read.
    case notReadable
    /// The page may not be executed.
    case notExecutable
    /// User mode touched a page of the kernel.
    case kernelPage
    /// The kernel touched or executed a user page, and may not.
    case userPage
    /// The page's protection key forbids it.
    case protectionKey
    /// The page's domain is not accessible (ARM).
    case domain
    /// The page's access flag is clear, and software has to set it (ARM64).
    case accessFlag
    /// The table is not in the memory at hand.
    case tableUnknown
  }

  /// What the processor raises.
  public enum Exception: String, Hashable, Sendable {
    case pageFault = "#PF"
    case generalProtection = "#GP"
    case stackFault = "#SS"
    case dataAbort = "data abort"
    case prefetchAbort = "prefetch abort"
    case none = "unknown"
  }

  public var reason: Reason
  /// The address that was accessed: CR2, DFAR, IFAR, FAR_EL1.
  public var address: UInt64
  public var access: MemoryAccess
  /// The level of the entry that stopped the walk.
  public var level: Int
  public var exception: Exception
  /// x86: the error code. ARM: FSR. ARM64: the ISS field of ESR_EL1.
  public var errorCode: UInt32
  /// Entries read before the fault.
  public var references: Int
}

/// The error code that x86 pushes with a page fault.
public struct PageFaultErrorCode: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32

  @inline(__always)
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The page is present, but its protection forbids the access.
  public static let protection = PageFaultErrorCode(rawValue: 1 << 0)
  public static let write = PageFaultErrorCode(rawValue: 1 << 1)
  public static let user = PageFaultErrorCode(rawValue: 1 << 2)
  public static let reserved = PageFaultErrorCode(rawValue: 1 << 3)
  public static let instruction = PageFaultErrorCode(rawValue: 1 << 4)
  public static let protectionKey = PageFaultErrorCode(rawValue: 1 << 5)
  public static let shadowStack = PageFaultErrorCode(rawValue: 1 << 6)
  public static let softwareGuard = PageFaultErrorCode(rawValue: 1 << 15)

  /// The bits' names in the order of the bits; `0` bits are named by what they mean for bits 0 to 2.
  public var names: [String] {
    var names = [contains(.protection) ? "protection" : "not-present"]
    if contains(.write) { names.append("write") }
    names.append(contains(.user) ? "user" : "kernel")
    for (bit, name) in [
      (Self.reserved, "reserved-bit"), (.instruction, "instruction-fetch"), (.protectionKey, "protection-key"),
      (.shadowStack, "shadow-stack"), (.softwareGuard, "sgx"),
    ] where contains(bit) { names.append(name) }
    return names
  }
}

/// The fault status register of ARMv7-A with short descriptors (DFSR; IFSR has the same status numbers).
public struct ARMFaultStatus: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public init(status: UInt32, domain: UInt32 = 0, isWrite: Bool = false) {
    rawValue = status & 0xF | (status >> 4 & 1) << 10 | (domain & 0xF) << 4 | (isWrite ? 1 << 11 : 0)
  }

  /// The five bits of the status.
  public var status: UInt32 { rawValue & 0xF | (rawValue >> 10 & 1) << 4 }
  public var domain: UInt32 { rawValue >> 4 & 0xF }
  public var isWrite: Bool { rawValue >> 11 & 1 != 0 }

  /// What the status stands for.
  public var name: String {
    switch status {
    case 0x01: "alignment fault"
    case 0x02: "debug event"
    case 0x03: "access flag fault, section"
    case 0x04: "instruction cache maintenance fault"
    case 0x05: "translation fault, section"
    case 0x06: "access flag fault, page"
    case 0x07: "translation fault, page"
    case 0x08: "synchronous external abort"
    case 0x09: "domain fault, section"
    case 0x0B: "domain fault, page"
    case 0x0C: "external abort on translation, first level"
    case 0x0D: "permission fault, section"
    case 0x0E: "external abort on translation, second level"
    case 0x0F: "permission fault, page"
    case 0x10: "TLB conflict abort"
    case 0x16: "asynchronous external abort"
    case 0x18: "asynchronous parity error"
    default: "status 0x\(String(status, radix: 16))"
    }
  }
}

/// The ISS field of ESR_EL1 for aborts of ARMv8-A.
public struct ARM64FaultStatus: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public init(code: UInt32, level: Int = 0, isWrite: Bool = false) {
    rawValue = code | UInt32(truncatingIfNeeded: level) & 3 | (isWrite ? 1 << 6 : 0)
  }

  static let translation: UInt32 = 0b000100
  static let accessFlag: UInt32 = 0b001000
  static let permission: UInt32 = 0b001100

  /// The fault status code, six bits.
  public var code: UInt32 { rawValue & 0x3F }
  public var isWrite: Bool { rawValue >> 6 & 1 != 0 }
  /// The fault came from cache maintenance or address translation.
  public var isCacheMaintenance: Bool { rawValue >> 8 & 1 != 0 }

  /// What the code stands for.
  public var name: String {
    let level = code & 3
    switch code {
    case 0b000000...0b000011: return "address size fault, level \(level)"
    case 0b000100...0b000111: return "translation fault, level \(level)"
    case 0b001000...0b001011: return "access flag fault, level \(level)"
    case 0b001100...0b001111: return "permission fault, level \(level)"
    case 0x10: return "synchronous external abort"
    case 0x11: return "tag check fault"
    case 0x14...0x17: return "external abort on table walk, level \(level)"
    case 0x21: return "alignment fault"
    case 0x30: return "TLB conflict abort"
    default: return "status 0x\(String(code, radix: 16))"
    }
  }
}
