import KernelTypes
import Testing

@Suite struct SymbolTableTests {
  private func table(_ text: String) -> SymbolTable {
    var reader = SymbolTableReader()
    // In small pieces, because a file's pieces end anywhere.
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      reader.read(rest.prefix(3))
      rest = rest.dropFirst(3)
    }
    return reader.finish()
  }

  @Test func theNearestSymbolAtOrBelowNamesAnAddress() {
    let table = table("ffffffff81000100 t second\nffffffff81000000 T first\nffffffff81000100 t alias")
    #expect(table.count == 2)
    #expect(table.symbol(at: 0xFFFF_FFFF_8100_0000) == "first+0x0")
    #expect(table.symbol(at: 0xFFFF_FFFF_8100_00FF) == "first+0xff")
    #expect(table.symbol(at: 0xFFFF_FFFF_8100_0101) == "second+0x1")
    #expect(table.symbol(at: 0xFFFF_FFFF_80FF_FFFF) == nil)
    #expect(table.symbol(at: 0xFFFF_FFFF_9000_0000) == nil)
  }

  @Test func moduleTagsFollowTheOffset() {
    #expect(table("ffffffffc0000000 t do_it\t[ext4]\n").symbol(at: 0xFFFF_FFFF_C000_0010) == "do_it+0x10 [ext4]")
  }

  @Test func dataSymbolsAreLeftOutAndBadLinesCounted() {
    let table = table(
      "ffffffff81000000 T first\r\nffffffff82000000 D data\nrubbish\n\nxyz T no\nffffffff81000010 TT x\n")
    #expect(table.count == 1)
    #expect(table.malformedLines == 3)
  }

  @Test func onlyRawAddressesAreCallSitesToDescribe() {
    let table = table("c104d000 T vfs_read\n")
    #expect(table.describe(callSite: "c104dd2f") == "vfs_read+0xd2f")
    #expect(table.describe(callSite: "0xc104dd2f") == "vfs_read+0xd2f")
    #expect(table.describe(callSite: "vfs_read+0x1/0x2") == nil)
    #expect(table.describe(callSite: "add") == nil)
    #expect(table.describe(callSite: "ffffffffffffffffffff") == nil)
  }

  @Test func aFileOfZeroAddressesHidesThem() {
    var reader = SymbolTableReader()
    reader.read("0000000000000000 T a\n0000000000000000 t b\n".utf8)
    #expect(reader.hidesAddresses)
  }
}
