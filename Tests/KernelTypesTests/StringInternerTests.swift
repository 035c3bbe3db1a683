import KernelTypes
import Testing

struct StringInternerTests {
  @Test func equalStringsShareANumberInOrderOfAppearance() {
    let interner = StringInterner()
    #expect(interner.intern("kmalloc").rawValue == 1)
    #expect(interner.intern("kfree").rawValue == 2)
    #expect(interner.intern("kmalloc").rawValue == 1)
    #expect(interner.intern("") == .none)
    #expect(interner.count == 3)
    #expect(interner.string(StringID(rawValue: 2)) == "kfree")
    #expect(interner.string(.none).isEmpty)
    #expect(interner.string(StringID(rawValue: 99)).isEmpty)
  }

  @Test func onlyStringsThatWereInternedAreFound() {
    let interner = StringInterner()
    let id = interner.intern("dentry")
    #expect(interner.find("dentry") == id)
    #expect(interner.find("inode_cache") == nil)
    #expect(interner.find("") == StringID.none)
    #expect(interner.count == 2)
  }

  @Test func manyStringsOfAllLengthsStayApart() {
    // Far more strings than slots at first, so that slots are shared and tables grow.
    let interner = StringInterner()
    var texts: [String] = []
    for number in 0..<20_000 { texts.append(String(repeating: "x", count: number % 37) + "\(number)") }
    let ids = texts.map { interner.intern($0) }
    #expect(Set(ids).count == Set(texts).count)
    #expect(texts.indices.allSatisfy { interner.string(ids[$0]) == texts[$0] })
    #expect(texts.indices.allSatisfy { interner.find(texts[$0]) == ids[$0] })
  }

  @Test func stringsThatDifferInOneByteStayApart() {
    let interner = StringInterner()
    var ids: Set<StringID> = []
    var expected = 0
    for length in 1...40 {
      for position in 0..<length {
        var bytes = [UInt8](repeating: 0x61, count: length)
        bytes[position] = 0x62
        ids.insert(bytes.withUnsafeBytes { interner.intern($0) })
        expected += 1
      }
    }
    #expect(ids.count == expected)
  }

  @Test func beyondTheLimitAllNewStringsShareOneNumber() {
    let interner = StringInterner(limit: 4)
    let first = interner.intern("a")
    let second = interner.intern("b")
    let other = interner.intern("c")
    #expect(interner.string(other) == StringInterner.overflowText)
    #expect(interner.intern("d") == other)
    #expect(interner.intern("a") == first && interner.intern("b") == second)
    #expect(interner.overflowed == 2)
    #expect(interner.count == 4)
  }

  @Test func theLimitOnBytesHoldsAsWell() {
    let interner = StringInterner(byteLimit: 8)
    let short = interner.intern("12345678")
    let long = interner.intern("9")
    #expect(interner.string(short) == "12345678")
    #expect(interner.string(long) == StringInterner.overflowText)
    #expect(interner.overflowed == 1)
  }

  @Test func bytesThatAreNoTextSurvive() {
    let interner = StringInterner()
    let bytes: [UInt8] = [0xFF, 0x00, 0xFE]
    let id = bytes.withUnsafeBytes { interner.intern($0) }
    #expect(interner.withBytes(of: id) { Array($0) } == bytes)
  }
}
