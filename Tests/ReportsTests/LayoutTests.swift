import Reports
import Testing

@Suite struct LayoutTests {
  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_524, "1023.9 KiB"), (1_048_575, "1.0 MiB"),
      (-3_145_728, "-3.0 MiB"), (Int64.max, "8.0 EiB"),
    ] as [(Int64, String)])
  func byteAmountsHaveUnits(amount: Int64, text: String) {
    #expect(Units.bytes(amount) == text)
  }

  @Test func countsHaveTheirThousandsSetApart() {
    #expect(Units.count(0) == "0")
    #expect(Units.count(999) == "999")
    #expect(Units.count(1000) == "1,000")
    #expect(Units.count(-1_234_567) == "-1,234,567")
    #expect(Units.count(UInt64.max) == "18,446,744,073,709,551,615")
  }

  @Test func durationsHaveTheUnitThatFits() {
    #expect(Units.duration(0) == "0 s")
    #expect(Units.duration(12_300) == "12.3 µs")
    #expect(Units.duration(231_440_000) == "231.4 ms")
    #expect(Units.duration(2_512_600_000) == "2.513 s")
    #expect(Units.duration(5, isTicks: true) == "5 ticks")
    #expect(Units.clock(1_000_002_999) == "1.000002")
  }

  @Test func fixedRoundsAndKeepsZeros() {
    #expect(Units.fixed(1.005, places: 1) == "1.0")
    #expect(Units.fixed(99.995, places: 2) == "100.00")
    #expect(Units.fixed(-0.001, places: 2) == "0.00")
    #expect(Units.fixed(3, places: 0) == "3")
  }

  @Test func longTextsAreShortenedInTheMiddle() {
    #expect(SafeText.shortened("short", to: 5) == "short")
    let text = SafeText.shortened("abcdefghijklmnop", to: 7)
    #expect(text == "abc…nop")
  }

  @Test func whatATraceHoldsCanNotBreakOutOfACell() {
    #expect(SafeText.printable("a\u{1B}[31mb\u{202E}c") == "a\u{FFFD}[31mb\u{FFFD}c")
    #expect(SafeText.markdown("a|b") == "a\\|b")
    #expect(SafeText.csv("a,\"b\"") == "\"a,\"\"b\"\"\"")
  }

  @Test func numbersAreAlignedToTheRight() {
    var table = TextTable([.init("name", isNumber: false), .init("n")])
    table.add(["a", "1"])
    table.add(["bcdef", "100"])
    #expect(table.text() == "  name     n\n  a        1\n  bcdef  100\n")
  }
}
