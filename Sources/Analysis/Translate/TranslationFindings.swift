public import MemoryModels

/// An address in a segment, as IA-32 programs name it.
public struct LogicalAddress: Hashable, Sendable {
  public var selector: SegmentSelector
  /// CPL, 0 to 3.
  public var currentPrivilege: Int
  public var register: Segmentation.Register

  public init(selector: SegmentSelector, currentPrivilege: Int, register: Segmentation.Register) {
    self.selector = selector
    self.currentPrivilege = currentPrivilege
    self.register = register
  }
}

/// What a translation begins with.
public struct TranslationRequest: Sendable {
  /// The address; the offset in the segment if there is one.
  public var address: UInt64
  public var access: MemoryAccess
  public var segment: LogicalAddress?
  public var descriptors: DescriptorTable
  public var scheme: TranslationScheme
  public var controls: TranslationControls
  /// The physical address of the first table.
  public var root: UInt64
  public var memory: MemoryImage
  /// The file's name, or nothing where tables were made from mappings.
  public var source: String?
  /// Table pages by level, where tables were made from mappings.
  public var tablePages: [Int]?
  /// Where a scenario has the address, if the tables are a scenario's.
  public var place: ScenarioPlace?

  public init(
    address: UInt64, access: MemoryAccess, segment: LogicalAddress? = nil,
    descriptors: DescriptorTable = DescriptorTable(), scheme: TranslationScheme,
    controls: TranslationControls = TranslationControls(), root: UInt64, memory: MemoryImage, source: String? = nil,
    tablePages: [Int]? = nil
  ) {
    self.address = address
    self.access = access
    self.segment = segment
    self.descriptors = descriptors
    self.scheme = scheme
    self.controls = controls
    self.root = root
    self.memory = memory
    self.source = source
    self.tablePages = tablePages
  }
}

/// The answer of `translate`: one walk, level by level.
public struct TranslationFindings: Sendable {
  /// An entry that was read, with its bits by name.
  public struct Step: Sendable {
    public var walk: WalkStep
    /// The processor's name for the table, and Linux's.
    public var tableName: String
    public var linuxName: String
    /// The bits of the address that index the table.
    public var addressBits: ClosedRange<Int>
    public var layout: EntryLayout
    /// ARM: Linux's copy of the entry, 2048 bytes before it, where the memory at hand has it.
    public var linuxCopy: UInt64?
  }

  public var request: TranslationRequest
  /// Why the segment can't be used.
  public var segmentFault: Segmentation.Fault?
  public var descriptor: SegmentDescriptor?
  /// The address that the tables translate; `nil` after a fault of the segment.
  public var linearAddress: UInt64?
  public var steps: [Step] = []
  /// `nil` after a fault of the segment.
  public var outcome: TranslationOutcome?

  /// Makes the walk.
  public init(_ request: TranslationRequest) {
    self.request = request
    var address = request.address
    if let segment = request.segment {
      do throws(Segmentation.Fault) {
        guard let offset = UInt32(exactly: address) else {
          throw Segmentation.Fault(
            exception: segment.register == .stack ? .stackFault : .generalProtection, errorCode: 0,
            reason: "the offset has more than 32 bits")
        }
        let linear = try Segmentation(global: request.descriptors).translate(
          segment.selector, offset: offset, access: request.access.kind, register: segment.register,
          currentPrivilege: segment.currentPrivilege)
        descriptor = linear.descriptor
        address = UInt64(linear.address)
      } catch {
        segmentFault = error
        return
      }
    }
    linearAddress = address
    let scheme = request.scheme
    let walk = request.memory.walk(
      address, request.access, scheme: scheme, root: request.root, controls: request.controls)
    outcome = walk.outcome
    steps = walk.steps.map { step in
      let low = scheme.shift(step.level)
      let width = step.level == 0 ? scheme.topIndexBits : scheme.indexBits
      let isPaired = scheme.format == .armShort && step.level == 1 && step.entryAddress & 0x800 != 0
      let copy = isPaired ? request.memory[step.entryAddress - 2048] : nil
      return Step(
        walk: step, tableName: scheme.tableName(step.level), linuxName: scheme.linuxName(step.level),
        addressBits: low...(low + width - 1), layout: scheme.layout(step.raw, level: step.level),
        linuxCopy: copy == 0 ? nil : copy)
    }
  }

  /// Whether the walk came to a table that the memory at hand doesn't have.
  public var lacksTables: Bool { outcome?.fault?.reason == .tableUnknown }
}
