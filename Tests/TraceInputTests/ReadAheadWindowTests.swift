import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Windows that are read ahead")
struct ReadAheadWindowTests {
  @Test("show the bytes of the place asked for, going on, back and far ahead", arguments: [false, true])
  func places(readsAhead: Bool) throws {
    var generator = SeededGenerator(seed: 11)
    let bytes = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let source = SeekableBytes(memory: bytes, name: "bytes")
    var window = ReadAheadWindow(source, from: 100, capacity: 1 << 18, readsAhead: readsAhead)
    var offset = 100
    for step in 0..<3000 {
      let wanted = Int.random(in: 0...ReadAheadWindow.wantedLimit, using: &generator)
      let view = try window.view(at: UInt64(offset), wanted: wanted)
      let count = view.count
      try #require(count >= min(wanted, bytes.count - offset), "\(step)")
      try #require(count <= bytes.count - offset)
      if count > 0 {
        let place = Int.random(in: 0..<count, using: &generator)
        let (first, some, last) = (view[0], view[place], view[count - 1])
        try #require(first == bytes[offset])
        try #require(some == bytes[offset + place])
        try #require(last == bytes[offset + count - 1])
      }
      switch Int.random(in: 0..<40, using: &generator) {
      case 0: offset = Int.random(in: 0...bytes.count, using: &generator)
      case 1: offset = bytes.count - Int.random(in: 0...20, using: &generator)
      case 2: offset = min(offset + count + Int.random(in: 0...500_000, using: &generator), bytes.count)
      default: offset += Int.random(in: 0...count, using: &generator)
      }
    }
  }

  @Test("go through everything once", arguments: [0, 1, 262_143, 262_144, 262_145, 1_500_000])
  func through(total: Int) throws {
    let bytes = (0..<total).map { UInt8(truncatingIfNeeded: $0 / 7) }
    var window = ReadAheadWindow(
      SeekableBytes(memory: bytes, name: "bytes"), from: 0, capacity: 1 << 18, readsAhead: true)
    var got: [UInt8] = []
    while true {
      let view = try window.view(at: UInt64(got.count), wanted: 1 << 16)
      if view.isEmpty { break }
      // As records that end before the window does.
      got += view.count > 50 ? view.dropLast(50) : view[...]
    }
    #expect(got == bytes)
  }

  @Test("may be given up at any time")
  func givenUp() throws {
    let source = SeekableBytes(memory: [UInt8](repeating: 1, count: 5_000_000), name: "bytes")
    for count in 0..<20 {
      var window = ReadAheadWindow(source, from: 0, capacity: 1 << 18, readsAhead: true)
      for step in 0..<count { _ = try window.view(at: UInt64(step * 200_000), wanted: 1 << 16) }
    }
  }
}
