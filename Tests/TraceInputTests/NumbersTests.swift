import TestSupport
import Testing

@testable import TraceInput

@Suite("Numbers")
struct NumbersTests {
  private func with<Value>(_ text: String, _ body: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Value) throws
    -> Value
  {
    let bytes = Array(text.utf8) + [UInt8](repeating: 0, count: 16)
    return try bytes.withUnsafeBufferPointer { buffer in
      let start = try #require(buffer.baseAddress)
      return body(start, start + text.utf8.count)
    }
  }

  @Test("of eight hexadecimal digits are read in one step")
  func hex8() throws {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2000 {
      let number = UInt32.random(in: .min ... .max, using: &random)
      let digits = String(number, radix: 16)
      let text = String(repeating: "0", count: 8 - digits.count) + digits
      #expect(try with(text) { start, _ in Numbers.hex8(start) } == UInt64(number))
      #expect(try with(text.uppercased()) { start, _ in Numbers.hex8(start) } == UInt64(number))
    }
  }

  @Test("with any other byte are refused")
  func notHex() throws {
    for place in 0..<8 {
      for byte in UInt8.min ... .max {
        var bytes = Array("0123abcd".utf8)
        bytes[place] = byte
        let isDigit = byte.isHexDigit
        bytes += [UInt8](repeating: 0, count: 8)
        let found = try bytes.withUnsafeBufferPointer { Numbers.hex8(try #require($0.baseAddress)) }
        #expect((found != nil) == isDigit)
      }
    }
  }

  @Test("of six decimal digits are read in one step")
  func decimal6() throws {
    for number in stride(from: 0, through: 999_999, by: 37) {
      let digits = String(number)
      let text = String(repeating: "0", count: 6 - digits.count) + digits + ":x"
      #expect(try with(text) { start, _ in Numbers.decimal6(start) } == UInt64(number))
    }
    for place in 0..<6 {
      for byte in UInt8.min ... .max {
        var bytes = Array("012345: ".utf8)
        bytes[place] = byte
        let found = try bytes.withUnsafeBufferPointer { Numbers.decimal6(try #require($0.baseAddress)) }
        #expect((found != nil) == byte.isDigit)
      }
    }
  }

  @Test(
    "fit 64 bits or overflow",
    arguments: [
      ("18446744073709551615", UInt64.max, false), ("18446744073709551616", 0, true),
      ("00000000000000000000000007", 7, false),
      ("99999999999999999999", 0, true), ("0", 0, false),
    ])
  func decimal(text: String, expected: UInt64, isOverflow: Bool) throws {
    let (value, trouble) = try with(text) { start, end in
      var cursor = start
      var trouble = NumberTrouble.none
      let value = Numbers.decimal(&cursor, end, &trouble)
      return (value, trouble)
    }
    #expect(trouble == (isOverflow ? .overflow : .none))
    if !isOverflow { #expect(value == expected) }
  }
}
