import KernelTypes
import TestSupport
import Testing

@testable import TraceInput

@Suite("Short texts that came lately")
struct ShortTextsTests {
  @Test("have the identifiers that the bytes up to their NUL have")
  func identifiers() {
    let strings = StringInterner()
    let lately = ShortTexts()
    var generator = SeededGenerator(seed: 9)
    var made = 0
    // Few letters, so that texts come again, differ in one place, and are each other's beginnings.
    for _ in 0..<20_000 {
      let size = Int.random(in: 8...ShortTexts.byteLimit, using: &generator)
      var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: size)
      let places = [0, 5, size / 2, size - 2]
      if let place = places.randomElement(using: &generator) { bytes[place] = UInt8(ascii: "b") }
      bytes[Bool.random(using: &generator) ? size - 1 : 6] = 0
      let length = bytes.firstIndex(of: 0) ?? size
      let wanted = strings.intern(String(decoding: bytes[..<length], as: UTF8.self))
      let got = bytes.withUnsafeBytes { all -> StringID in
        guard let start = all.baseAddress else { return .none }
        return lately.id(start, size: size) {
          made += 1
          return wanted
        }
      }
      #expect(got == wanted)
    }
    // Of some hundred texts many share a place; without any hit it would be all.
    #expect(made < 15_000)
  }
}
