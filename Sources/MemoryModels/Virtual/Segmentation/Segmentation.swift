/// The segments of an IA-32 processor in protected mode: logical addresses to linear ones.
public struct Segmentation: Hashable, Sendable {
  /// What a segment register is used for.
  public enum Register: String, Hashable, Sendable, CaseIterable {
    case code
    case data
    case stack
  }

  public var global: DescriptorTable
  public var local: DescriptorTable

  public init(global: DescriptorTable, local: DescriptorTable = DescriptorTable()) {
    self.global = global
    self.local = local
  }

  /// A segment that can be used, and where an access in it goes.
  public struct LinearAddress: Hashable, Sendable {
    public var address: UInt32
    public var descriptor: SegmentDescriptor
  }

  /// Why an access by a segment is refused.
  public struct Fault: Error, Hashable, Sendable {
    public enum Exception: String, Hashable, Sendable {
      case generalProtection = "#GP"
      case notPresent = "#NP"
      case stackFault = "#SS"
    }

    public var exception: Exception
    /// The selector without its privilege level where loading it failed; 0 where an access did.
    public var errorCode: UInt16
    /// In words.
    public var reason: String

    public init(exception: Exception, errorCode: UInt16, reason: String) {
      self.exception = exception
      self.errorCode = errorCode
      self.reason = reason
    }
  }

  /// The linear address of an access to `bytes` bytes at `offset` in the segment of a selector.
  ///
  /// `currentPrivilege` is CPL, 0 to 3. Throws what the processor raises when the selector is loaded into the register, or
  /// when the access is made. Follows the Intel 64 manual, volume 3, sections 5.2 to 5.7, and volume 2, MOV and CALL.
  public func translate(
    _ selector: SegmentSelector, offset: UInt32, bytes: UInt32 = 1, access: MemoryAccess.Kind,
    register: Register? = nil, currentPrivilege: Int
  ) throws(Fault) -> LinearAddress {
    let register = register ?? (access == .execute ? .code : .data)
    let descriptor = try load(selector, register, currentPrivilege)
    let exception: Fault.Exception = register == .stack ? .stackFault : .generalProtection
    switch access {
    case .read:
      if !descriptor.isReadable {
        throw Fault(exception: .generalProtection, errorCode: 0, reason: "the segment can only be executed")
      }
    case .write:
      if !descriptor.isWritable {
        throw Fault(exception: .generalProtection, errorCode: 0, reason: "the segment can't be written")
      }
    case .execute:
      if !descriptor.isCode {
        throw Fault(exception: .generalProtection, errorCode: 0, reason: "the segment holds no code")
      }
    }
    if !descriptor.contains(offset, bytes: bytes) {
      throw Fault(exception: exception, errorCode: 0, reason: "the offset is outside the segment's limit")
    }
    return LinearAddress(address: descriptor.base &+ offset, descriptor: descriptor)
  }

  /// What loading a selector into a register of this kind checks.
  private func load(_ selector: SegmentSelector, _ register: Register, _ current: Int) throws(Fault)
    -> SegmentDescriptor
  {
    let code = selector.rawValue & ~3
    func refusal(_ reason: String, _ exception: Fault.Exception = .generalProtection) -> Fault {
      Fault(exception: exception, errorCode: code, reason: reason)
    }
    if selector.isNull { throw refusal("the selector is null") }
    guard let descriptor = (selector.isLocal ? local : global)[selector] else {
      throw refusal("the selector is beyond the end of its table")
    }
    let requested = selector.requestedPrivilege
    switch register {
    case .stack:
      if requested != current || !descriptor.isWritable || descriptor.privilege != current {
        throw refusal("a stack needs writable data of the current privilege level")
      }
    case .data:
      if !descriptor.isReadable { throw refusal("the segment can't be read") }
      if !descriptor.isConforming, max(current, requested) > descriptor.privilege {
        throw refusal("the segment is of privilege level \(descriptor.privilege)")
      }
    case .code:
      if !descriptor.isCode { throw refusal("the segment holds no code") }
      if descriptor.isConforming
        ? descriptor.privilege > current : descriptor.privilege != current || requested > current
      {
        throw refusal("the code is of privilege level \(descriptor.privilege)")
      }
    }
    if !descriptor.isPresent {
      throw refusal("the segment is not present", register == .stack ? .stackFault : .notPresent)
    }
    return descriptor
  }
}
