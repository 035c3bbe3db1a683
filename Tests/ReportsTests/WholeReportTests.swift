import Analysis
import FoundationEssentials
import Glibc
import ProcSnapshots
import TestSupport
import Testing

@testable import Reports

@Suite("Whole report") struct WholeReportTests {
  private func expectSnapshot(_ name: String, _ text: String) throws {
    #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
  }

  private func sampleSnapshot() throws -> Snapshot { try SnapshotReader.read(path: CapturedSnapshots.sample) }

  @Test("report looks as recorded in every form")
  func looksAsRecorded() throws {
    let report = try WholeReportFixture.report(WholeReportFixture.trace())
    try expectSnapshot("report.txt", report.text())
    try expectSnapshot("report.md", report.markdown())
    try expectSnapshot("report.json", report.json())
    try expectSnapshot("report.html", report.html())
    let leaks = try #require(report.csv(table: "leak-suspects"))
    try expectSnapshot("report.leak-suspects.csv", leaks)
  }

  @Test("HTML is well formed, its ids are unique, and its links lead somewhere")
  func structure() throws {
    let withSnapshot = try WholeReportFixture.report(
      WholeReportFixture.trace(), snapshots: [("after", sampleSnapshot())])
    var alone = WholeReport(subject: nil)
    alone.snapshots = [(role: "alone", findings: SnapshotFindings(try sampleSnapshot()))]
    for html in [withSnapshot.html(), alone.html()] {
      let page = try HTMLCheck(html)
      #expect(page.problems.isEmpty, "\(page.problems)")
      #expect(Set(page.ids).count == page.ids.count)
      for link in page.links { #expect(page.ids.contains(link), "nothing has the id \(link)") }
      #expect(page.links.count >= 3)
      // Nothing is fetched from anywhere.
      for word in ["http:", "https:", "src=\"", "@import", "url(", "<link", "<iframe"] {
        #expect(!html.contains(word), "\(word)")
      }
    }
  }

  @Test("each chart has a title, a description and a table, or one that stands beside it")
  func charts() throws {
    let report = try WholeReportFixture.report(WholeReportFixture.trace())
    let html = report.html()
    let charts = html.components(separatedBy: "<svg ").dropFirst()
    #expect(charts.count >= 10)
    for chart in charts {
      #expect(chart.contains("<title id=\"") && chart.contains("<desc id=\""))
      #expect(chart.contains("<path") || chart.contains("<rect"))
    }
    let document = report.document
    for section in document.sections {
      for case .chart(let chart) in section.blocks {
        #expect(!chart.title.isEmpty && !chart.summary.isEmpty)
        #expect(chart.provenance != nil, "\(chart.title) says neither observed nor modelled")
        #expect(chart.alternative != nil || section.tables.contains { !$0.rows.isEmpty }, "\(chart.title)")
      }
    }
  }

  @Test("every figure says whether it is observed or modelled, and what it means")
  func labels() throws {
    let document = try WholeReportFixture.report(WholeReportFixture.trace()).document
    for answer in document.answers { #expect(answer.provenance != nil, "\(answer.question)") }
    for table in document.tables {
      for column in table.columns where column.isNumber {
        #expect(column.provenance != nil, "\(table.id): \(column.title)")
        #expect(!column.meaning.isEmpty, "\(table.id): \(column.title)")
      }
      #expect(table.rows.allSatisfy { $0.count == table.columns.count }, "\(table.id)")
    }
    #expect(Set(document.tables.map(\.id)).count == document.tables.count)
    for table in document.tables { #expect(WholeReport.tableNames.contains(table.id), "\(table.id)") }
  }

  @Test("nothing in a trace becomes markup, in no form")
  func escaping() throws {
    let report = try WholeReportFixture.report(WholeReportFixture.trace())
    let html = report.html()
    #expect(!html.contains("<img"))
    #expect(html.components(separatedBy: "<script").count == 2)
    #expect(html.components(separatedBy: "</script").count == 2)
    #expect(html.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&#96;&amp;@someone"))
    let markdown = report.markdown()
    // A backslash takes its meaning from a character.
    #expect(!markdown.replacing("\\<", with: "").contains("<"))
    #expect(!markdown.contains("@someone"))
    #expect(HTML.escaped("a\u{1B}[31mb\u{202E}") == "a\u{FFFD}[31mb\u{FFFD}")
    // A browser knows no grapheme clusters.
    #expect(HTML.escaped("\"\u{301} onclick=\"\u{301}<\u{301}") == "&quot;\u{301} onclick=&quot;\u{301}&lt;\u{301}")
    #expect(SafeText.markdown("a|\u{301}b<\u{301}i>") == "a\\|\u{301}b\\<\u{301}i\\>")
    let text = "<&>"
    let html2: HTML = "<b title=\"\(text)\">\(text)</b>"
    #expect(html2.text == "<b title=\"&lt;&amp;&gt;\">&lt;&amp;&gt;</b>")
  }

  @Test("HTML stays below 2 MB and Markdown below 60 KB, however much there is to say")
  func bounds() throws {
    var report = try WholeReportFixture.report(WholeReportFixture.trace())
    let long = String(repeating: "<\"&'>", count: 60)
    func many(_ result: WasteResult?) -> WasteResult? {
      guard var result, let group = result.groups.first else { return nil }
      result.groups = (0..<3000).map { number in
        var group = group
        group.key = "\(number)" + long
        return group
      }
      return result
    }
    report.callSites = many(report.callSites)
    report.caches = many(report.caches)
    report.tasks = many(report.tasks)
    let site = try #require(report.lifetimes?.sites.first)
    report.lifetimes?.sites = (0..<3000).map { number in
      var site = site
      site.key = "\(number)" + long
      return site
    }
    let html = report.html()
    #expect(html.utf8.count < 2_000_000)
    #expect(html.contains("of 3,000 rows are shown"))
    #expect(report.markdown().utf8.count < 60_000)
  }

  @Test("the same trace gives the same bytes")
  func determinism() throws {
    let first = try WholeReportFixture.report(WholeReportFixture.trace())
    let second = try WholeReportFixture.report(WholeReportFixture.trace())
    #expect(first.html() == second.html())
    #expect(try first.json() == second.json())
    #expect(first.markdown() == second.markdown())
  }

  @Test("text and marks can be read in both themes", arguments: [ReportPalette.light, .dark])
  func contrast(palette: ReportPalette) throws {
    for ground in [palette.page, palette.surface] {
      for text in [palette.text, palette.quiet, palette.accent] {
        #expect(try Contrast.ratio(text, ground) >= 4.5, "\(text) on \(ground)")
      }
      for mark in palette.series { #expect(try Contrast.ratio(mark, ground) >= 3, "\(mark) on \(ground)") }
    }
    for mark in palette.series { #expect(try Contrast.ratio(palette.onChart, mark) >= 4.5, "text on \(mark)") }
    // Text lies on the bars of tables.
    #expect(try Contrast.ratio(palette.text, palette.scale[0]) >= 4.5)
  }

  @Test("a table that a report has comes as CSV with exact numbers; one that it has not does not")
  func tables() throws {
    let report = try WholeReportFixture.report(WholeReportFixture.trace())
    for name in report.availableTables {
      let csv = try #require(report.csv(table: name))
      let lines = csv.components(separatedBy: "\r\n")
      #expect(lines.count > 2, "\(name)")
    }
    #expect(report.csv(table: "allocators")?.contains("SLUB,") == true)
    #expect(report.csv(table: "nothing") == nil)
  }
}

/// WCAG 2.1's contrast of two colours written as `#rrggbb`.
enum Contrast {
  struct NoColour: Error {}

  static func ratio(_ left: String, _ right: String) throws -> Double {
    let (a, b) = (try luminance(left), try luminance(right))
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
  }

  private static func luminance(_ colour: String) throws -> Double {
    guard colour.utf8.count == 7, colour.hasPrefix("#"), let value = Int(colour.dropFirst(), radix: 16) else {
      throw NoColour()
    }
    let parts = [value >> 16, value >> 8 & 255, value & 255].map { (part: Int) -> Double in
      let share = Double(part) / 255
      return share <= 0.03928 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
  }
}

/// A strict reading of a page: every element is closed, in order, and every attribute quoted.
struct HTMLCheck {
  private(set) var ids: [String] = []
  private(set) var links: [String] = []
  private(set) var problems: [String] = []

  private static let void: Set<String> = ["meta", "!doctype"]
  private static let raw: Set<String> = ["style", "script"]

  init(_ html: String) throws {
    var stack: [String] = []
    var rest = html[...]
    while let open = rest.firstIndex(of: "<") {
      rest = rest[rest.index(after: open)...]
      guard let close = rest.firstIndex(of: ">") else {
        problems.append("a tag is not closed")
        return
      }
      var tag = rest[..<close]
      rest = rest[rest.index(after: close)...]
      if tag.hasPrefix("/") {
        let name = tag.dropFirst()
        if stack.last.map({ $0 == name }) != true { problems.append("</\(name)> closes \(stack.last ?? "nothing")") }
        _ = stack.popLast()
        continue
      }
      let isClosed = tag.hasSuffix("/")
      if isClosed { tag = tag.dropLast() }
      let name = String(tag.prefix { $0 != " " })
      if tag.contains("<") { problems.append("< inside <\(name)") }
      for part in tag.dropFirst(name.count).split(separator: "\" ") {
        let attribute = part.drop { $0 == " " }
        if attribute.hasPrefix("id=\"") { ids.append(attribute.dropFirst(4).filter { $0 != "\"" }) }
        if attribute.hasPrefix("href=\"#") { links.append(attribute.dropFirst(7).filter { $0 != "\"" }) }
      }
      if Self.raw.contains(name), let end = rest.firstRange(of: "</\(name)>") {
        rest = rest[end.upperBound...]
      } else if !isClosed, !Self.void.contains(name) {
        stack.append(name)
      }
    }
    if !stack.isEmpty { problems.append("never closed: \(stack)") }
  }
}
