/// Renders a document as one HTML file that needs nothing else: style, script and charts are inside.
struct HTMLRenderer {
  /// The most rows of a table.
  var rowLimit: Int
  /// The most characters of a text.
  var textLimit = 160

  /// Reports are kept smaller than this many bytes, by showing fewer rows.
  static let sizeLimit = 1_900_000

  /// The document with as many rows as fit below `sizeLimit`.
  static func render(_ document: ReportDocument, top: Int?) -> String {
    var text = ""
    for limit in [1000, 400, 150, 50, 15] {
      let renderer = HTMLRenderer(rowLimit: min(limit, top ?? limit), textLimit: limit > 100 ? 160 : 80)
      text = renderer.page(document)
      if text.utf8.count < sizeLimit { break }
    }
    return text
  }

  private func shortened(_ text: String) -> String { SafeText.shortened(SafeText.printable(text), to: textLimit) }

  private func page(_ document: ReportDocument) -> String {
    let body = self.body(document)
    // Scripts run only with this mark, which whoever wrote into the trace could not know.
    let nonce = Self.hash(body.text)
    var page: HTML = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    page += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    page += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    page += "script-src 'nonce-\(nonce)'; base-uri 'none'; form-action 'none'\">\n"
    page += "<meta name=\"generator\" content=\"kmemreplay \(ToolVersion.current)\">\n"
    page += "<title>\(shortened(document.title))</title>\n<style>\n"
    page += HTML(own: ReportStyle.text)
    page += "\n</style>\n</head>\n<body>\n"
    page += body
    page += "<script nonce=\"\(nonce)\">\n"
    page += HTML(own: ReportScript.text)
    page += "\n</script>\n</body>\n</html>\n"
    return page.text
  }

  private static func hash(_ text: String) -> String {
    var hash: UInt64 = 14_695_981_039_346_656_037
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
    return String(hash, radix: 36)
  }

  private func body(_ document: ReportDocument) -> HTML {
    var html: HTML = "<a class=\"skip\" href=\"#main\">Skip to the answers</a>\n<header>\n<div>"
    html +=
      "<h1>\(shortened(document.title))</h1>\n<p class=\"source\">\(SafeText.unbroken(document.source))</p></div>\n"
    html += "<button id=\"theme\" type=\"button\" hidden>Theme: auto</button>\n</header>\n"
    html += "<nav aria-label=\"Sections\"><ul>"
    for section in document.sections { html += "<li><a href=\"#\(section.id)\">\(section.title)</a></li>" }
    html += "</ul></nav>\n<main id=\"main\">\n"
    if !document.answers.isEmpty {
      html += "<div class=\"answers\">\n" + HTML.joined(document.answers.map(answer)) + "</div>\n"
    }
    var figures = 0
    for section in document.sections {
      html += "<section id=\"\(section.id)\" aria-labelledby=\"\(section.id)-h\">\n"
      html +=
        "<h2 id=\"\(section.id)-h\">\(section.title)</h2>\n<p class=\"lead\">\(SafeText.unbroken(section.lead))</p>\n"
      for block in section.blocks { html += self.block(block, &figures) }
      html += "</section>\n"
    }
    html += "</main>\n<footer>Made by kmemreplay \(ToolVersion.current). \(Self.words)</footer>\n"
    return html
  }

  private static let words =
    "Observed: read from the trace or a snapshot. Modelled: computed by a model of the kernel's allocators; the section "
    + "on grades says how often it was right."

  static func badge(_ provenance: Provenance?) -> HTML {
    switch provenance {
    case .observed: "<span class=\"pv observed\" title=\"Read from the trace or a snapshot\">observed</span>"
    case .modelled: "<span class=\"pv modelled\" title=\"Computed by a model\">modelled</span>"
    case nil: ""
    }
  }

  private func answer(_ answer: ReportAnswer) -> HTML {
    let style = answer.value.count > 12 ? "value words" : "value"
    var html: HTML = "<article class=\"answer\">\n<h2>\(answer.question)</h2>\n"
    html += "<p class=\"\(style)\">\(shortened(answer.value)) \(Self.badge(answer.provenance))</p>\n"
    html += "<p>\(SafeText.unbroken(answer.sentence))</p>\n"
    if !answer.evidence.isEmpty {
      html += "<ul>"
      for item in answer.evidence {
        let name = shortened(item.name)
        html += "<li style=\"--b:\(min(max(item.share, 0), 1) * 100)%\"><span title=\"\(name)\">\(name)</span>"
        html += "<span>\(item.value)</span></li>"
      }
      html += "</ul>\n"
    }
    return html + "<a href=\"#\(answer.section)\">Details</a>\n</article>\n"
  }

  private func block(_ block: ReportBlock, _ figures: inout Int) -> HTML {
    switch block {
    case .paragraph(let text): return "<p>\(text)</p>\n"
    case .figures(let all):
      var html: HTML = "<dl class=\"figures\">"
      for figure in all {
        html += "<div class=\"figure\" title=\"\(figure.meaning)\"><dt>\(figure.title)</dt>"
        html += "<dd><span class=\"value\">\(figure.value)</span> \(Self.badge(figure.provenance))"
        html += "<div class=\"meaning\">\(SafeText.unbroken(figure.meaning))</div></dd></div>"
      }
      return html + "</dl>\n"
    case .table(let table): return table.rows.isEmpty ? "" : self.table(table)
    case .chart(let chart):
      figures += 1
      return self.chart(chart, number: figures)
    case .mermaid: return ""
    case .notes(let notes):
      var html: HTML = "<ul class=\"notes\">"
      for note in notes {
        html +=
          note.isSerious ? "<li class=\"serious\">\(shortened(note.text))</li>" : "<li>\(shortened(note.text))</li>"
      }
      return html + "</ul>\n"
    }
  }

  private func table(_ table: ReportTable, sortable: Bool = true) -> HTML {
    let shown = table.rows.prefix(rowLimit)
    var html: HTML = "<div class=\"table\(table.columns.count > 3 ? " wide" : "")\" tabindex=\"0\" role=\"region\" "
    html += "aria-label=\"\(table.title)\">"
    html += sortable && table.isSortable ? "<table data-rows=\"\(shown.count)\">" : "<table>"
    // Where all figures are of one kind, to say so once is enough.
    let kinds = Set(table.columns.compactMap(\.provenance))
    let common = kinds.count == 1 ? kinds.first : nil
    html += "<caption>\(table.title) \(Self.badge(common))</caption><thead><tr>"
    for column in table.columns {
      html += column.isNumber ? "<th scope=\"col\" class=\"n\"" : "<th scope=\"col\""
      if !column.meaning.isEmpty { html += " title=\"\(column.meaning)\"" }
      html += "><span>\(column.title)</span>\(common == nil ? Self.badge(column.provenance) : "")</th>"
    }
    html += "</tr></thead><tbody>"
    for row in shown {
      html += "<tr>"
      for (index, cell) in row.enumerated() { html += self.cell(cell, table.columns[index], isFirst: index == 0) }
      html += "</tr>\n"
    }
    html += "</tbody></table></div>\n"
    if shown.count < table.rows.count {
      html += "<p class=\"lead\">\(Units.count(shown.count)) of \(Units.count(table.rows.count)) rows are shown; JSON "
      html += "and CSV have all.</p>\n"
    }
    if !table.note.isEmpty { html += "<p class=\"lead\">\(table.note)</p>\n" }
    return html + meanings(table)
  }

  private func cell(_ cell: ReportCell, _ column: ReportColumn, isFirst: Bool) -> HTML {
    let text = shortened(cell.shown)
    if isFirst { return "<th scope=\"row\">\(text)</th>" }
    guard column.isNumber, let sort = cell.sort else { return "<td>\(text)</td>" }
    let value = Units.fixed(sort, places: sort == sort.rounded() ? 0 : 2)
    if let share = cell.share, share >= 0.005 {
      return "<td class=\"n b\" data-v=\"\(value)\" style=\"--b:\(share * 100)%\">\(text)</td>"
    }
    return "<td class=\"n\" data-v=\"\(value)\">\(text)</td>"
  }

  /// What the headings mean, for those who can't or don't hover.
  private func meanings(_ table: ReportTable) -> HTML {
    let explained = table.columns.filter { !$0.meaning.isEmpty && !$0.title.isEmpty }
    if explained.isEmpty { return "" }
    var html: HTML = "<details><summary>What the columns mean</summary><dl class=\"meanings\">"
    for column in explained {
      html += "<dt>\(column.title)</dt><dd>\(column.meaning) \(Self.badge(column.provenance))</dd>"
    }
    return html + "</dl></details>\n"
  }

  private func chart(_ chart: any Chart, number: Int) -> HTML {
    let size = chart.size
    var html: HTML = "<figure>\n<figcaption>\(chart.title) \(Self.badge(chart.provenance))</figcaption>\n"
    html += "<p class=\"summary\">\(SafeText.unbroken(chart.summary))</p>\n"
    if !chart.legend.isEmpty {
      html += "<ul class=\"legend\">"
      for item in chart.legend { html += "<li><i class=\"\(item.swatch)\"></i>\(shortened(item.name))</li>" }
      html += "</ul>\n"
    }
    html += "<div class=\"plot\" tabindex=\"0\" role=\"group\" aria-label=\"\(chart.title)\">"
    html += "<svg viewBox=\"0 0 \(size.width) \(size.height)\" role=\"img\" "
    html +=
      "aria-labelledby=\"chart\(number)-t chart\(number)-d\"><title id=\"chart\(number)-t\">\(chart.title)</title>"
    html += "<desc id=\"chart\(number)-d\">\(chart.summary)</desc>"
    html += chart.drawing() + "</svg></div>\n"
    if let table = chart.alternative {
      html += "<details><summary>As a table</summary>\n" + self.table(table, sortable: false) + "</details>\n"
    }
    return html + "</figure>\n"
  }
}
