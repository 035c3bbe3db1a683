import Glibc
import TraceEvents

/// Bytes that can be read at any offset: for containers whose parts point at each other.
///
/// A regular file is read in place. Whatever can only be read once from front to back (a pipe, packed data) is copied
/// to a temporary file first, so that memory does not grow.
final class SeekableBytes {
  private enum Place {
    case file(descriptor: Int32, origin: UInt64)
    case memory([UInt8])
  }

  /// How many bytes there are.
  let count: UInt64
  /// What ended the copying early, if anything did: damage in packed data. The bytes before it are here.
  let damage: TraceError?
  /// The stored offset at which a packed input ended inside a frame, if it did.
  let truncatedAt: UInt64?
  private let place: Place
  private let name: String

  /// Bytes in memory.
  init(memory: [UInt8], name: String) {
    place = .memory(memory)
    self.name = name
    count = UInt64(memory.count)
    damage = nil
    truncatedAt = nil
  }

  /// `count` bytes of an open regular file from `origin` on; the descriptor is closed at the end.
  init(descriptor: Int32, origin: UInt64, count: UInt64, name: String) {
    place = .file(descriptor: descriptor, origin: origin)
    self.name = name
    self.count = count
    damage = nil
    truncatedAt = nil
  }

  /// Copies everything that `source` still has. Throws `.cannotOpen` or `.cannotRead` if there is no room for that.
  init(spooling source: any ByteSource, name: String) throws(TraceError) {
    let file = try TemporaryFile.create(for: name)
    place = .file(descriptor: file, origin: 0)
    self.name = name
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 8)
    defer { buffer.deallocate() }
    var copied: UInt64 = 0
    var damage: TraceError?
    while damage == nil {
      var got = 0
      do throws(TraceError) {
        got = try source.read(into: buffer)
      } catch {
        damage = error
      }
      if got == 0 { break }
      do throws(TraceError) {
        try TemporaryFile.append(UnsafeRawBufferPointer(rebasing: buffer[..<got]), to: file, for: name)
      } catch {
        close(file)
        throw error
      }
      copied += UInt64(got)
    }
    count = copied
    self.damage = damage
    truncatedAt = source.truncatedAt
  }

  deinit {
    if case .file(let descriptor, _) = place { close(descriptor) }
  }

  /// Fills `buffer` from `offset` on and returns how many bytes there were; fewer than asked for only at the end.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    if offset >= count { return 0 }
    let wanted = Int(min(UInt64(buffer.count), count - offset))
    switch place {
    case .memory(let bytes):
      bytes.withUnsafeBytes { all in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[Int(offset)..<Int(offset) + wanted]))
      }
      return wanted
    case .file(let descriptor, let origin):
      var filled = 0
      while filled < wanted {
        let step = pread(
          descriptor, buffer.baseAddress.map { $0 + filled }, wanted - filled,
          off_t(clamping: origin + offset + UInt64(filled)))
        if step == 0 { break }
        if step < 0, errno != EINTR {
          throw TraceError(
            .cannotRead, input: name, at: .byteOffset(offset + UInt64(filled)), found: SystemMessage.text(errno))
        }
        filled += max(step, 0)
      }
      return filled
    }
  }
}

/// A piece of `SeekableBytes` in memory, moved along as it is read.
///
/// Behind the piece lie `padding` bytes that may be loaded but mean nothing.
struct ByteWindow: ~Copyable {
  static let padding = 16

  private let bytes: SeekableBytes
  private let standardCapacity: Int
  private var buffer: UnsafeMutableRawBufferPointer
  private var start: UInt64 = 0
  private var held = 0

  init(_ bytes: SeekableBytes, capacity: Int) {
    self.bytes = bytes
    standardCapacity = capacity
    buffer = Self.memory(capacity)
  }

  deinit { buffer.deallocate() }

  private static func memory(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + padding, alignment: 8)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    return memory
  }

  /// The bytes from `offset` on: at least `wanted` unless the input ends before. They stay until the next call.
  ///
  /// `wanted` must be bounded by the caller, for the window grows to it; it shrinks again with the next smaller wish.
  mutating func view(at offset: UInt64, wanted: Int) throws(TraceError) -> UnsafeRawBufferPointer {
    if offset >= start, offset - start <= UInt64(held) {
      let skip = Int(offset - start)
      if held - skip >= wanted { return UnsafeRawBufferPointer(rebasing: buffer[skip..<held]) }
    }
    return try load(offset, wanted)
  }

  private mutating func load(_ offset: UInt64, _ wanted: Int) throws(TraceError) -> UnsafeRawBufferPointer {
    let capacity = max(wanted, standardCapacity)
    if buffer.count != capacity + Self.padding {
      buffer.deallocate()
      buffer = Self.memory(capacity)
    }
    held = 0
    start = offset
    held = try bytes.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<capacity]))
    return UnsafeRawBufferPointer(rebasing: buffer[..<held])
  }
}
