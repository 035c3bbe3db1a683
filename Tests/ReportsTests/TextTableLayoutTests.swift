import TestSupport
import Testing

@testable import Reports

@Suite("Tables on a terminal") struct TextTableLayoutTests {
  private func text(_ table: TextTable, _ style: TextStyle) -> String {
    TextStyle.$current.withValue(style) { table.text() }
  }

  private func example() -> TextTable {
    var table = TextTable([
      .init("call site", isNumber: false), .init("live"), .init("allocated"), .init("wasted"),
      .init("wasted in total", isMinor: true), .init("allocations", isMinor: true),
    ])
    table.add(["acpi_add_single_object+0x39/0x5aa", "100", "200.0 KiB", "64.5 KiB", "435.0 KiB", "831"])
    table.add(["kvmalloc_node+0x3f/0xc7", "7", "14.0 KiB", "3.5 KiB", "100.0 KiB", "12,345"])
    table.addBars(column: 3, [64.5, 3.5])
    return table
  }

  @Test func `In a file nothing is shortened, coloured or drawn`() {
    let plain = text(example(), .plain)
    #expect(plain.contains("acpi_add_single_object+0x39/0x5aa") && plain.contains("12,345"))
    #expect(!plain.contains("█") && !plain.contains("\u{1B}"))
    #expect(plain.hasPrefix("  call site                          live  allocated    wasted"))
  }

  @Test func `A terminal has bars where there is room for them`() {
    let lines = text(example(), TextStyle(width: 120, drawsBars: true)).split(separator: "\n")
    #expect(lines[1].contains("64.5 KiB ██████████") && lines[2].contains(" 3.5 KiB ▌"))
    #expect(!text(example(), TextStyle(width: 120)).contains("█"))
  }

  @Test func `A narrow terminal breaks headings, then leaves minor columns out and says which, then shortens names`() {
    let narrow = text(example(), TextStyle(width: 88, drawsBars: true))
    #expect(narrow.split(separator: "\n").allSatisfy { $0.count <= 88 })
    #expect(narrow.contains("831") && narrow.contains("acpi_add_single_object+0x39/0x5aa"))
    let medium = text(example(), TextStyle(width: 80))
    #expect(medium.contains("left out on a terminal this narrow: allocations") && medium.contains("435.0 KiB"))
    #expect(medium.contains("acpi_add_single_object+0x39/0x5aa"))
    let narrower = text(example(), TextStyle(width: 56))
    #expect(narrower.split(separator: "\n").allSatisfy { $0.count <= 56 })
    #expect(narrower.contains("left out on a terminal this narrow:") && narrower.contains("allocations"))
    #expect(!narrower.contains("12,345") && narrower.contains("64.5 KiB"))
  }

  @Test func `Headings of numbers are broken into lines before anything is lost`() {
    var table = TextTable([.init("", isNumber: false), .init("Pages saved, end"), .init("Pages saved, peak")])
    table.add(["a cache", "8", "20"])
    let lines = text(table, TextStyle(width: 30)).split(separator: "\n").map(String.init)
    #expect(
      lines == [
        "            Pages   Pages", "           saved,  saved,", "              end    peak",
        "  a cache       8      20",
      ])
  }

  @Test func `What still does not fit is cut into tables that repeat the names`() {
    var table = TextTable(
      [.init("Zone", isNumber: false), .init("", isNumber: false)] + (0..<11).map { .init("\($0)") })
    table.add(["DMA32", "free blocks"] + (0..<11).map { "\($0 * 1111)" })
    let text = text(table, TextStyle(width: 48))
    let lines = text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 48 })
    #expect(lines.filter { $0.contains("DMA32") }.count > 1)
    for number in 0..<11 { #expect(text.contains("\(number * 1111)")) }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func `Whatever a table holds, no line is wider than a terminal of 60 columns, and no number is lost`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let names = Int.random(in: 1...2, using: &generator)
    let numbers = Int.random(in: 1...14, using: &generator)
    func word(_ length: ClosedRange<Int>) -> String {
      String(
        (0..<Int.random(in: length, using: &generator)).map { _ in "abcdefghij".randomElement(using: &generator) ?? "a"
        })
    }
    var columns = (0..<names).map { _ in TextTable.Column(word(0...30), isNumber: false) }
    columns += (0..<numbers).map { _ in TextTable.Column(word(1...8) + " " + word(1...8)) }
    var table = TextTable(columns)
    var values: [String] = []
    for _ in 0..<5 {
      let row = (0..<numbers).map { _ in "\(UInt64.random(in: 1_000_000...99_999_999, using: &generator))" }
      values += row
      table.add((0..<names).map { _ in word(0...70) } + row)
    }
    table.addBars(column: names, (0..<5).map { Double($0) })
    let text = text(table, TextStyle(width: 60, drawsBars: true))
    for line in text.split(separator: "\n") { #expect(line.count <= 60, "\(line)") }
    for value in values { #expect(text.contains(value)) }
  }

  @Test func `Colours are escape sequences around whole words, and the text between them is the same`() {
    let colours = text(example(), TextStyle(width: 200, usesColour: true, drawsBars: true))
    let bare = text(example(), TextStyle(width: 200, drawsBars: true))
    #expect(colours.contains("\u{1B}[36m"))
    var stripped = ""
    var isEscape = false
    for scalar in colours.unicodeScalars {
      if scalar == "\u{1B}" { isEscape = true }
      if !isEscape { stripped.unicodeScalars.append(scalar) }
      if scalar == "m" { isEscape = false }
    }
    func trimmed(_ text: String) -> [String] {
      text.split(separator: "\n").map { line in
        var line = String(line)
        while line.last == " " { line.removeLast() }
        return line
      }
    }
    #expect(trimmed(stripped) == trimmed(bare))
  }

  @Test func `Prose is broken between words, and its words stay`() {
    let sentence =
      "Each model runs on its own from an empty machine with the same free memory, told only who asks for what."
    let wrapped = TextStyle(width: 40).wrapped(sentence, indent: 2)
    #expect(wrapped.split(separator: "\n").allSatisfy { $0.count <= 40 })
    #expect(wrapped.split { $0 == "\n" || $0 == " " } == sentence.split(separator: " "))
    #expect(TextStyle.plain.wrapped(sentence) == sentence)
    #expect(TextStyle(width: 40).wrapped("") == "")
  }

  @Test func `Sparklines and bars show their values`() {
    #expect(Sparkline.line([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█")
    #expect(Sparkline.line([5, nil, 5]) == "▄ ▄")
    #expect(Sparkline.line([]) == "")
    #expect(Sparkline.thinned([1, 9, 2, 3, 4, 8], to: 3) == [9, 3, 8])
    #expect(Sparkline.bar(1, width: 4) == "████" && Sparkline.bar(0, width: 4) == "")
    #expect(Sparkline.bar(0.5, width: 4) == "██" && Sparkline.bar(0.001, width: 4) == "▏")
    #expect(Sparkline.bar(.nan, width: 4) == "" && Sparkline.bar(7, width: 2) == "██")
    #expect(Sparkline.lengths([1, 1, 2], whole: 4, width: 8) == [2, 2, 4])
    #expect(Sparkline.lengths([1, 1], whole: 0, width: 8) == [0, 0])
  }

  @Test func `Reports render for the terminal they are given, and for none otherwise`() throws {
    let report = try WholeReportFixture.report(WholeReportFixture.trace())
    let plain = report.text()
    #expect(!plain.contains("\u{1B}[") && !plain.contains("█"))
    let narrow = report.text(TextStyle(width: 72, usesColour: false, drawsBars: true))
    for line in narrow.split(separator: "\n") { #expect(line.count <= 72, "\(line)") }
    #expect(narrow.contains("█") && narrow.contains("▁"))
    #expect(report.text(TextStyle(width: 72, usesColour: true)).contains("\u{1B}[1m"))
    #expect(TextStyle.current == .plain)
  }
}
