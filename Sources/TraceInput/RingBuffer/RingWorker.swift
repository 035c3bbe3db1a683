import KernelTypes
import TraceEvents

/// What one worker needs to decode records: a decoder with texts of its own, and buffers.
///
/// Everything but `published` belongs to the thread that works; `published` is shared under the pool's lock.
final class RingWorker {
  var decoder: RecordDecoder
  let strings = StringInterner()
  let stacks = StackTable()
  private var stored = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 8)
  private var unpacked = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 8)
  /// Texts and stacks by the worker's own identifiers, as far as finished jobs used them.
  var published = DistinctTexts.none

  init(_ catalogue: EventCatalogue) { decoder = RecordDecoder(catalogue, strings: strings, stacks: stacks) }

  deinit {
    stored.deallocate()
    unpacked.deallocate()
  }

  /// Room for the stored bytes of a piece.
  func storedRoom(_ count: Int) -> UnsafeMutableRawBufferPointer { Self.room(count, in: &stored) }

  /// Room for a piece's pages.
  func pageRoom(_ count: Int) -> UnsafeMutableRawBufferPointer { Self.room(count, in: &unpacked) }

  private static func room(
    _ count: Int, in buffer: inout UnsafeMutableRawBufferPointer
  ) -> UnsafeMutableRawBufferPointer {
    if buffer.count < count {
      buffer.deallocate()
      buffer = .allocate(byteCount: count, alignment: 8)
    }
    return UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
  }

  /// The texts and stacks that are not published yet.
  func news() -> DistinctTexts { DistinctTexts(strings, stacks, beyond: published) }
}
