/// The error code that x86 pushes with a page fault.
public struct FaultCode: OptionSet, Hashable, Sendable {
  public var rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The page was there, but not for this access; without it, the page was not there.
  public static let protection = FaultCode(rawValue: 1 << 0)
  public static let write = FaultCode(rawValue: 1 << 1)
  public static let user = FaultCode(rawValue: 1 << 2)
  public static let reserved = FaultCode(rawValue: 1 << 3)
  public static let instruction = FaultCode(rawValue: 1 << 4)
  public static let protectionKey = FaultCode(rawValue: 1 << 5)
}

/// What a page fault turned out to be.
public enum FaultKind: String, CaseIterable, Hashable, Sendable, Codable {
  /// A read of anonymous memory nobody wrote: the shared page of zeros.
  case anonymousZero
  /// A first write to anonymous memory: a new page of zeros.
  case anonymousWrite
  /// A write to a shared page of a private mapping: a copy.
  case copyOnWrite
  /// A write to such a page that nobody else has any more: it is made writable.
  case copyOnWriteReuse
  /// A page of a file that was in the page cache, with those around it.
  case fileMinor
  /// A page of a file that had to be read.
  case fileMajor
  /// A first write to a private mapping of a file: a copy of the file's page.
  case fileCopy
  /// A first write to a shared mapping of a file, or to a page of it that was clean.
  case sharedWrite
  /// A new page of shared memory.
  case sharedMemory
  /// A page that had left for swap and is still, or again, in the swap cache.
  case swapMinor
  /// A page that had to be read from swap.
  case swapMajor
  /// A whole huge page.
  case hugePage
  /// A page of the huge-page pool.
  case hugeTLB
  /// A stack that grew.
  case stack
  /// The entry already allowed the access.
  case spurious
  /// The kernel's own addresses.
  case kernel
  /// The mapping doesn't allow the access: SIGSEGV with SEGV_ACCERR.
  case protection
  /// No mapping: SIGSEGV with SEGV_MAPERR.
  case segmentation
  /// Behind the end of the file, or no huge page left: SIGBUS with BUS_ADRERR.
  case bus
  /// No memory left.
  case outOfMemory

  /// Whether the fault ends with a signal instead of a page.
  public var isError: Bool {
    switch self {
    case .protection, .segmentation, .bus, .outOfMemory: true
    default: false
    }
  }
}

/// A signal that a fault or the system sends, with its code.
public enum FaultSignal: String, Hashable, Sendable, Codable {
  case mapError = "SIGSEGV SEGV_MAPERR"
  case accessError = "SIGSEGV SEGV_ACCERR"
  case protectionKeyError = "SIGSEGV SEGV_PKUERR"
  case generalProtection = "SIGSEGV SI_KERNEL"
  case busAddress = "SIGBUS BUS_ADRERR"
  case killed = "SIGKILL"
}

/// How a fault ended.
public struct FaultOutcome: Hashable, Sendable {
  public var kind: FaultKind
  public var signal: FaultSignal?
  /// Whether something had to be read.
  public var isMajor = false
  /// Whether a mapped page's frame was new: in pages, 0, 1, or a huge page's.
  public var newPages = 0
  /// Whether the new page was filled with zeros by the page allocator.
  public var isZeroed = false
  /// Page-table pages added.
  public var newTables = 0
  /// Pages mapped around the one asked for, it included.
  public var mappedPages = 0
  /// The new page.
  public var page = PageID.none

  public init(_ kind: FaultKind, signal: FaultSignal? = nil) {
    self.kind = kind
    self.signal = signal
  }
}

/// Why a call that changes an address space failed, by the kernel's names.
public enum CallError: String, Error, Hashable, Sendable, Codable, CaseIterable {
  case notPermitted = "EPERM"
  case noMemory = "ENOMEM"
  case invalid = "EINVAL"
  case access = "EACCES"
  case exists = "EEXIST"
  case badAddress = "EFAULT"
  case tryAgain = "EAGAIN"
}
