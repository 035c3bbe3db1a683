public import KernelTypes

/// The address space of a kernel: what lies where, and how much memory it maps for good.
///
/// Made from the size of the memory and the options of the command line alone, as the kernel does at boot, without
/// randomisation. Follows arch/arm/mm/mmu.c and Documentation/arm/memory.rst, arch/x86/mm/init_32.c,
/// Documentation/x86/x86_64/mm.rst and Documentation/arm64/memory.rst, Linux 6.1, and 3.5 to 5.15 where they differ.
public struct KernelLayout: Hashable, Sendable {
  /// What is known of the machine.
  public struct Machine: Hashable, Sendable {
    public var kernel: KernelVersion
    public var architecture: Architecture
    /// Bytes of memory, holes left out, from the lowest address on.
    public var memoryBytes: UInt64
    /// `vmalloc=` on the command line, in bytes (32-bit only).
    public var vmallocBytes: UInt64?
    /// The first address of the kernel's part (32-bit only); `nil` is 3 GiB.
    public var pageOffset: UInt64?
    /// CONFIG_X86_PAE, or CONFIG_ARM_LPAE.
    public var hasLargePhysicalAddresses: Bool
    /// Bits of a virtual address: 48 or 57 on x86-64, 39, 42, 47 or 48 on ARM64; `nil` is 48.
    public var addressBits: Int?
    /// CONFIG_NR_CPUS, which x86's per-CPU entry areas depend on.
    public var cpuLimit: Int

    public init(
      kernel: KernelVersion = KernelVersion(6, 1), architecture: Architecture, memoryBytes: UInt64,
      vmallocBytes: UInt64? = nil, pageOffset: UInt64? = nil, hasLargePhysicalAddresses: Bool = false,
      addressBits: Int? = nil, cpuLimit: Int = 8
    ) {
      self.kernel = kernel
      self.architecture = architecture
      self.memoryBytes = memoryBytes
      self.vmallocBytes = vmallocBytes
      self.pageOffset = pageOffset
      self.hasLargePhysicalAddresses = hasLargePhysicalAddresses
      self.addressBits = addressBits
      self.cpuLimit = cpuLimit
    }
  }

  /// A part of the address space.
  public struct Region: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, Codable {
      case user
      case modules
      /// Pages of high memory mapped by `kmap`.
      case pkmap
      /// Memory that is always mapped.
      case lowmem
      /// Nothing is mapped there, so that overruns fault.
      case hole
      /// `vmalloc`, `vmap` and `ioremap`.
      case vmalloc
      case vmemmap
      case fixmap
      case vectors
      case kernelImage
      /// Set apart for something else, which `note` names.
      case other
    }

    public var kind: Kind
    public var name: String
    public var first: UInt64
    /// The last address inside.
    public var last: UInt64
    public var note: String

    /// Bytes.
    public var size: UInt64 { last - first + 1 }
  }

  public let machine: Machine
  /// Ascending, without overlaps.
  public internal(set) var regions: [Region] = []
  /// Bytes of memory that are always mapped.
  public internal(set) var lowMemoryBytes: UInt64 = 0
  /// Bytes of memory that are mapped only when used.
  public internal(set) var highMemoryBytes: UInt64 = 0
  /// Bytes of memory that the kernel can't use at all.
  public internal(set) var lostMemoryBytes: UInt64 = 0
  /// Pages of high memory that can be mapped at a time with `kmap`; 0 where there is no high memory.
  public internal(set) var kmapSlots = 0
  /// What the kernel would do differently from what was asked, or what had to be assumed.
  public internal(set) var notes: [String] = []

  static let mebibyte: UInt64 = 1 << 20
  static let pageSize: UInt64 = 4096

  /// Lays out the address space; throws where the numbers make no kernel.
  public init(_ machine: Machine) throws(KernelLayoutError) {
    self.machine = machine
    guard machine.memoryBytes >= Self.mebibyte, machine.memoryBytes <= 1 << 52 else {
      throw .memory(machine.memoryBytes)
    }
    switch machine.architecture {
    case .arm: try layOutARM()
    case .x86: try layOutX86()
    case .x86_64: try layOutX86_64()
    case .arm64: try layOutARM64()
    }
    regions.sort { $0.first < $1.first }
  }

  /// The first region of a kind.
  public func region(_ kind: Region.Kind) -> Region? { regions.first { $0.kind == kind } }

  /// The region an address lies in.
  public func region(containing address: UInt64) -> Region? {
    regions.first { $0.first <= address && address <= $0.last }
  }

  mutating func add(_ kind: Region.Kind, _ name: String, _ range: Range<UInt64>, _ note: String = "") {
    if range.isEmpty { return }
    regions.append(Region(kind: kind, name: name, first: range.lowerBound, last: range.upperBound - 1, note: note))
  }

  static func alignDown(_ value: UInt64, _ alignment: UInt64) -> UInt64 { value / alignment * alignment }
}

/// Why an address space could not be laid out.
public enum KernelLayoutError: Error, Hashable, Sendable, CustomStringConvertible {
  case memory(UInt64)
  case pageOffset(UInt64, [UInt64])
  case addressBits(Int, Architecture)
  case onlyOn32Bit(String)
  /// No room is left for memory.
  case noRoom

  public var description: String {
    switch self {
    case .memory(let bytes): "\(bytes) bytes of memory make no machine; expected 1 MiB to 4 PiB"
    case .pageOffset(let offset, let known):
      "0x\(String(offset, radix: 16)) is no page offset of such a kernel; expected one of "
        + known.map { "0x" + String($0, radix: 16) }.joined(separator: ", ")
    case .addressBits(let bits, let architecture):
      architecture == .arm64
        ? "\(bits) address bits: expected 39, 42, 47 or 48 on arm64"
        : "\(bits) address bits: expected 48 or 57 on x86_64"
    case .onlyOn32Bit(let option): "\(option) is for 32-bit kernels (arm, x86); 64-bit ones have fixed areas"
    case .noRoom: "with this much vmalloc space, no address is left to map memory at"
    }
  }
}
