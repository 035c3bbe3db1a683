/// Why a page table can't be changed as asked.
public struct MappingError: Error, Hashable, Sendable {
  public enum Code: String, Sendable {
    /// There is no frame for a table.
    case outOfFrames
    case notCanonical
    /// The address or its memory is not aligned to the size of the page.
    case misaligned
    /// The scheme has no page of such a size.
    case noSuchSize
    /// The memory lies beyond the physical addresses that entries can hold.
    case physicalTooLarge
    /// Something is mapped there.
    case occupied
    /// The change would cut a larger page in two: split it first.
    case partialPage
    /// Nothing is mapped there.
    case nothingMapped
    /// The entry would count as present.
    case notAbsent
  }

  public var code: Code
  /// The virtual address at which it fails.
  public var address: UInt64

  public init(_ code: Code, at address: UInt64) {
    self.code = code
    self.address = address
  }
}

extension MappingError: CustomStringConvertible {
  public var description: String {
    let place = "0x" + String(address, radix: 16)
    switch code {
    case .outOfFrames: return "\(place): there is no frame for a page table"
    case .notCanonical: return "\(place): the address is not canonical: these tables don't translate it"
    case .misaligned: return "\(place): the address or its memory is not aligned to the page's size"
    case .noSuchSize: return "\(place): the scheme has no page of that size"
    case .physicalTooLarge: return "\(place): the physical address is beyond what an entry can hold"
    case .occupied: return "\(place): is mapped already"
    case .partialPage: return "\(place): lies inside a larger page, which must be split first"
    case .nothingMapped: return "\(place): nothing is mapped there"
    case .notAbsent: return "\(place): the entry has the present bit set"
    }
  }
}
