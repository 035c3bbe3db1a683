import CZlib
import TraceEvents

/// Decodes a gzip stream of one or more members.
///
/// An input that ends inside a member is not an error: what was decoded stays, and `truncatedAt` says where it ended.
/// Damage inside a member throws `.damagedCompression`; zero bytes after the last member are padding, as gzip(1) has it.
final class GzipBytes: ByteSource {
  private let stored: any ByteSource
  private let name: String
  private let input: UnsafeMutableBufferPointer<UInt8>
  // zlib keeps a pointer back to the stream, so it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private var pending = 0..<0
  private var isInsideMember = false
  private var isFinished = false
  private(set) var truncatedAt: UInt64?

  // 15: the largest window; 16 more: expect a gzip header (zlib.h, inflateInit2).
  private static let gzipWindowBits: Int32 = 15 + 16

  init(_ stored: any ByteSource, name: String) throws(TraceError) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let status = inflateInit2_(
      stream, Self.gzipWindowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      stream.deallocate()
      throw TraceError(.cannotRead, input: name, found: "no memory for the gzip decoder")
    }
    self.stored = stored
    self.name = name
    self.stream = stream
    input = .allocate(capacity: 1 << 16)
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    input.deallocate()
  }

  var progress: InputProgress { stored.progress }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    while !isFinished {
      if pending.isEmpty, try !refill() { return 0 }
      if !isInsideMember {
        skipPadding()
        if pending.isEmpty { continue }
        isInsideMember = true
      }
      let produced = try inflateSome(into: buffer)
      if produced > 0 { return produced }
    }
    return 0
  }

  private func refill() throws(TraceError) -> Bool {
    let count = try stored.read(into: UnsafeMutableRawBufferPointer(input))
    pending = 0..<count
    if count > 0 { return true }
    if isInsideMember { truncatedAt = stored.progress.bytesRead }
    isFinished = true
    return false
  }

  private func skipPadding() {
    while let next = pending.first, input[next] == 0 { pending = next + 1..<pending.upperBound }
  }

  private func inflateSome(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    let room = min(buffer.count, Int(UInt32.max))
    stream.pointee.next_in = input.baseAddress.map { $0 + pending.lowerBound }
    stream.pointee.avail_in = UInt32(pending.count)
    stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    let status = inflate(stream, Z_NO_FLUSH)
    pending = pending.upperBound - Int(stream.pointee.avail_in)..<pending.upperBound
    switch status {
    case Z_STREAM_END:
      inflateReset(stream)
      isInsideMember = false
    case Z_OK, Z_BUF_ERROR:
      break
    default:
      let reason = stream.pointee.msg.map { String(cString: $0) } ?? "error \(status)"
      throw TraceError(
        .damagedCompression, input: name, at: .byteOffset(stored.progress.bytesRead - UInt64(pending.count)),
        found: "damaged gzip data (\(reason))", expected: "an intact gzip stream",
        remedy: "Copy the file again; events before the damage were read.")
    }
    return room - Int(stream.pointee.avail_out)
  }
}
