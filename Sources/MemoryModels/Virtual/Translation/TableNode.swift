import KernelTypes

/// A table page: the bytes that the machine would have in it, and our links to the tables that its entries name.
///
/// One allocation holds the links, in reverse, then a header, then the entries, so that a walk needs one load for an entry
/// and one for the next table. Tables of the last level have no links.
struct TableNode: BitwiseCopyable, Equatable {
  struct Header: BitwiseCopyable {
    let frame: PageFrame
    let address: UInt64
    let level: Int
    let order: Int
    let bytes: Int
    let linkCount: Int
    /// Entries that hold anything; one for both words of ARM's paired tables.
    var used: Int
  }

  private static let headerBytes = 64

  /// The first entry.
  let words: UnsafeMutableRawPointer

  @inline(__always)
  init(words: UnsafeMutableRawPointer) { self.words = words }

  /// A zeroed table of so many bytes and links.
  init(
    frame: PageFrame, address: UInt64, level: Int, order: Int, bytes: Int, linkCount: Int, arena: inout TableArena
  ) {
    let before = Self.bytesBefore(linkCount)
    words = arena.take(before + (bytes + 63) & ~63) + before
    header.initialize(
      to: Header(
        frame: frame, address: address, level: level, order: order, bytes: bytes, linkCount: linkCount, used: 0))
  }

  private static func bytesBefore(_ linkCount: Int) -> Int { headerBytes + (8 * linkCount + 63) & ~63 }

  func deallocate(_ arena: inout TableArena) {
    let before = Self.bytesBefore(header.pointee.linkCount)
    arena.giveBack(words - before, before + (header.pointee.bytes + 63) & ~63)
  }

  @inline(__always)
  var header: UnsafeMutablePointer<Header> {
    words.advanced(by: -Self.headerBytes).assumingMemoryBound(to: Header.self)
  }

  @inline(__always)
  private func link(_ index: Int) -> UnsafeMutableRawPointer {
    words.advanced(by: -Self.headerBytes &- 8 &- 8 &* index)
  }

  /// The table that a link names.
  @inline(__always)
  func child(_ link: Int) -> TableNode? {
    let pointer = self.link(link).load(as: UnsafeMutableRawPointer?.self)
    guard let pointer else { return nil }
    return TableNode(words: pointer)
  }

  func setChild(_ link: Int, _ child: TableNode?) {
    self.link(link).storeBytes(of: child?.words, as: UnsafeMutableRawPointer?.self)
  }

  @inline(__always)
  func word(at offset: Int, isWide: Bool) -> UInt64 {
    isWide
      ? words.load(fromByteOffset: offset, as: UInt64.self)
      : UInt64(words.load(fromByteOffset: offset, as: UInt32.self))
  }

  @inline(__always)
  func setWord(at offset: Int, _ raw: UInt64, isWide: Bool) {
    if isWide {
      words.storeBytes(of: raw, toByteOffset: offset, as: UInt64.self)
    } else {
      words.storeBytes(of: UInt32(truncatingIfNeeded: raw), toByteOffset: offset, as: UInt32.self)
    }
  }
}

/// A processor's view of the tables of a `PageTable`.
struct NodeSource: TableSource {
  /// A table: its page, and where in it the processor's entries begin.
  struct Table {
    let node: TableNode
    let offset: Int
  }

  let root: Table
  let isWide: Bool
  let isPaired: Bool

  @inline(__always)
  func entry(_ table: Table, _ index: Int) -> UInt64? {
    table.node.word(at: table.offset &+ (isWide ? index &<< 3 : index &<< 2), isWide: isWide)
  }

  @inline(__always)
  func table(_ table: Table, _ index: Int, _ address: UInt64) -> Table? {
    guard let child = table.node.child(isPaired ? index &>> 1 : index) else { return nil }
    return Table(node: child, offset: isPaired ? Int(truncatingIfNeeded: address & 0xFFF) : 0)
  }

  @inline(__always)
  func address(of table: Table) -> UInt64 {
    table.node.header.pointee.address &+ UInt64(truncatingIfNeeded: table.offset)
  }
}
