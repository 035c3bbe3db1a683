import Testing

@testable import TraceInput

@Suite("Event formats")
struct EventFormatTests {
  @Test func `Fields of a format have their names, places and signs`() throws {
    let format = try #require(EventFormat(parsing: Array(FormatTexts.kmalloc61.utf8)))
    #expect(format.name == "kmalloc")
    #expect(format.id == 226)
    #expect(
      format.fields.map(\.name) == [
        "common_type", "common_flags", "common_preempt_count", "common_pid", "call_site", "ptr", "bytes_req",
        "bytes_alloc", "gfp_flags", "node",
      ])
    let node = try #require(format.field("node"))
    #expect(node == EventField(name: "node", type: "int", offset: 48, size: 4, isSigned: true))
    #expect(format.field("ptr")?.type == "const void *")
  }

  @Test func `Texts and arrays are told from numbers`() throws {
    let free = try #require(EventFormat(parsing: Array(FormatTexts.kmemCacheFree61.utf8)))
    #expect(free.field("name")?.storage == .dataLocation)
    let print = try #require(EventFormat(parsing: Array(FormatTexts.print.utf8)))
    #expect(print.field("buf")?.isArray == true)
    #expect(print.field("buf")?.offset == 16)
    let line = Array("field:__rel_loc u32[] values;\toffset:12;\tsize:4;\tsigned:0;".utf8)
    #expect(EventField(parsing: line)?.storage == .relativeLocation)
  }

  @Test(arguments: [
    "", "name: x\n", "ID: 5\n", "name: kmalloc\nID: 65536\n", "name:\nID: 7\n", "name: kmalloc\nID: five\n",
  ])
  func `A text without name or number is no format`(text: String) {
    #expect(EventFormat(parsing: Array(text.utf8)) == nil)
  }

  @Test(arguments: [
    "field:int a;\toffset:99999999;\tsize:4;", "field:int a;\toffset:-4;\tsize:4;", "field:int a;\tsize:4;",
    "field:int;\toffset:0;\tsize:4;", "offset:0;\tsize:4;", "field:int a;\toffset:0;\tsize:70000;",
  ])
  func `A field that can't be is none`(line: String) { #expect(EventField(parsing: Array(line.utf8)) == nil) }

  @Test func `The page header tells the word size and the page size`() throws {
    let text = """
      \tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
      \tfield: local_t commit;\toffset:8;\tsize:4;\tsigned:1;
      \tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
      \tfield: char data;\toffset:12;\tsize:65524;\tsigned:1;
      """
    let page = try #require(PageHeaderFormat(parsing: Array(text.utf8)))
    #expect(page.commitSize == 4)
    #expect(page.dataOffset == 12)
    #expect(page.pageSize == 65536)
    #expect(PageHeaderFormat(parsing: Array("field: u64 timestamp; offset:0; size:8;".utf8)) == nil)
  }

  @Test func `Names of gfp flags come from the format's own constants`() throws {
    let format = try #require(EventFormat(parsing: Array(FormatTexts.kmalloc61.utf8)))
    let gfp = try #require(PrintFormat(parsing: format.printFormat).item("gfp_flags")).argument
    func text(_ flags: UInt64) -> String? { gfp.text { $0 == "gfp_flags" ? flags : nil } }
    #expect(text(0) == "none")
    #expect(text(0xCC0) == "GFP_KERNEL")
    #expect(text(0xDC0) == "GFP_KERNEL|__GFP_ZERO")
    #expect(text(0x400CC0) == "GFP_KERNEL_ACCOUNT")
    #expect(text(0x2100) == "__GFP_ZERO|__GFP_NOWARN")
    #expect(text(0x100_0CC0) == "GFP_KERNEL|0x1000000")
  }

  @Test func `Whether an allocation is accounted comes from the format's own condition`() throws {
    let format = try #require(EventFormat(parsing: Array(FormatTexts.kmalloc61.utf8)))
    let accounted = try #require(PrintFormat(parsing: format.printFormat).item("accounted")).argument
    #expect(accounted.text { _ in 0x400CC0 } == "true")
    #expect(accounted.text { _ in 0xCC0 } == "false")
    let never = FormatTexts.kmalloc61.replacing("(1 && ", with: "(0 && ")
    let other = try #require(EventFormat(parsing: Array(never.utf8)))
    #expect(PrintFormat(parsing: other.printFormat).item("accounted")?.argument.text { _ in 0x400CC0 } == "false")
  }

  @Test(
    arguments: [
      ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("0x10 | 3 & 1", 17), ("1UL << 4", 16), ("~0x0fUL & 0xff", 0xF0),
      ("5 < 3 ? 7 : 9", 9), ("1 ? 2 ? 3 : 4 : 5", 3), ("-1 == ~0", 1), ("10 - 3 - 2", 5), ("!0 && 017 == 15", 1),
      ("(unsigned int)((21 - 12))", 9), ("( gfp_t)((((1UL))) << (10))", 1024), ("7 / 2 % 2", 1), ("1 << 64", 0),
    ] as [(String, UInt64)])
  func `Constant expressions have the value that C gives them`(source: String, value: UInt64) {
    var parser = FormatExpressionParser(FormatTokenizer.tokens(source))
    let expression = parser.argument()
    #expect(expression.number { _ in nil } == value)
    #expect(parser.isAtEnd)
  }

  @Test(arguments: [
    "1 / 0", "sizeof(long)", "((((", "REC->a[3]", "REC->", "\"text\" + 1", "a ? b : c", "{1, 2}", "1 +", "@", "",
    String(repeating: "(", count: 5000), String(repeating: "-", count: 5000) + "1",
    "__print_flags(REC->a, \"|\", {1, \"x\"", "__print_flags()", "f(g(1, 2), {3})",
  ])
  func `What is not understood has no value and does no harm`(source: String) {
    var parser = FormatExpressionParser(FormatTokenizer.tokens(source))
    let expression = parser.argument()
    #expect(expression.number { _ in 1 } == nil)
  }

  @Test func `An argument that is not understood leaves the others in their places`() {
    let format = PrintFormat(
      parsing: #""a=%d b=%p c=%s d=%d%%", REC->x, f(REC->y, {1, 2}) @ 3, __print_symbolic(REC->z, {1, "one"}), 4"#)
    #expect(format.items.map(\.key) == ["a", "b", "c", "d"])
    #expect(format.item("a")?.argument == .field("x"))
    #expect(format.item("b")?.argument == .unknown)
    #expect(format.item("c")?.argument.text { _ in 1 } == "one")
    #expect(format.item("c")?.argument.text { _ in 18 } == "0x12")
    #expect(format.item("d")?.argument == .number(4))
  }
}
