import Glibc

/// The memory that the tables of one address space are kept in: pieces of a few sizes out of ever larger chunks.
///
/// Large chunks ask the system for huge pages, since a sparse address space touches millions of bytes in table pages.
struct TableArena: ~Copyable {
  private struct Chunk {
    let start: UnsafeMutableRawPointer
    let bytes: Int
    let isMapped: Bool
  }

  /// Pieces of one size that were given back; each holds the address of the next.
  private struct FreeList {
    let bytes: Int
    var first: UnsafeMutableRawPointer?
  }

  private static let firstBytes = 16 << 10
  private static let mappedBytes = 1 << 20
  private static let mostBytes = 8 << 20

  private var chunks: [Chunk] = []
  private var freeLists: [FreeList] = []
  private var next: UnsafeMutableRawPointer?
  private var left = 0

  deinit {
    for chunk in chunks {
      if chunk.isMapped { munmap(chunk.start, chunk.bytes) } else { chunk.start.deallocate() }
    }
  }

  /// A zeroed piece, aligned to 64 bytes; `bytes` is a multiple of 64.
  mutating func take(_ bytes: Int) -> UnsafeMutableRawPointer {
    for index in freeLists.indices where freeLists[index].bytes == bytes {
      guard let piece = freeLists[index].first else { break }
      freeLists[index].first = piece.load(as: UnsafeMutableRawPointer?.self)
      memset(piece, 0, bytes)
      return piece
    }
    if bytes > left { grow(bytes) }
    guard let piece = next else { preconditionFailure("no memory for page tables") }
    next = piece + bytes
    left -= bytes
    return piece
  }

  /// Takes a piece of so many bytes back.
  mutating func giveBack(_ piece: UnsafeMutableRawPointer, _ bytes: Int) {
    let index = freeLists.firstIndex { $0.bytes == bytes } ?? freeLists.count
    if index == freeLists.count { freeLists.append(FreeList(bytes: bytes)) }
    piece.storeBytes(of: freeLists[index].first, as: UnsafeMutableRawPointer?.self)
    freeLists[index].first = piece
  }

  private mutating func grow(_ bytes: Int) {
    var size = chunks.last.map { min($0.bytes * 2, Self.mostBytes) } ?? Self.firstBytes
    while size < bytes { size *= 2 }
    let kind = MAP_PRIVATE | MAP_ANONYMOUS
    if size >= Self.mappedBytes, let start = mmap(nil, size, PROT_READ | PROT_WRITE, kind, -1, 0), start != MAP_FAILED {
      // Only a wish: without huge pages it is slower, and nothing else.
      madvise(start, size, MADV_HUGEPAGE)
      chunks.append(Chunk(start: start, bytes: size, isMapped: true))
    } else {
      let start = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
      memset(start, 0, size)
      chunks.append(Chunk(start: start, bytes: size, isMapped: false))
    }
    next = chunks.last?.start
    left = size
  }
}
