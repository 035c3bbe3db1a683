/// Whether a figure was read or computed.
enum Provenance: String, Sendable, CaseIterable {
  /// The trace or a snapshot says it.
  case observed
  /// A model computed it.
  case modelled
}

/// A column of a table: its heading, what it means, and where its figures come from.
struct ReportColumn: Sendable {
  var title: String
  /// The heading in CSV.
  var key: String
  /// One sentence, for readers who ask what the heading means.
  var meaning: String
  var isNumber: Bool
  /// `nil` for names.
  var provenance: Provenance?

  static func name(_ title: String, _ key: String, _ meaning: String) -> ReportColumn {
    ReportColumn(title: title, key: key, meaning: meaning, isNumber: false)
  }

  static func observed(_ title: String, _ key: String, _ meaning: String) -> ReportColumn {
    ReportColumn(title: title, key: key, meaning: meaning, isNumber: true, provenance: .observed)
  }

  static func modelled(_ title: String, _ key: String, _ meaning: String) -> ReportColumn {
    ReportColumn(title: title, key: key, meaning: meaning, isNumber: true, provenance: .modelled)
  }
}

/// A table that every form of a report can show.
struct ReportTable: Sendable {
  /// The table's name for `--table` and in links.
  var id: String
  var title: String
  var columns: [ReportColumn]
  var rows: [[ReportCell]] = []
  /// What a reader may need to know about the whole table.
  var note = ""
  /// Whether its rows may be put into another order.
  var isSortable = true

  init(_ id: String, _ title: String, _ columns: [ReportColumn], note: String = "") {
    self.id = id
    self.title = title
    self.columns = columns
    self.note = note
  }

  mutating func add(_ cells: [ReportCell]) { rows.append(cells) }

  /// Sorts rows by the column with the key, the largest first, texts from A on; rows that are equal stay in their order.
  mutating func sort(by key: String) {
    guard isSortable, let column = columns.firstIndex(where: { $0.key == key }) else { return }
    rows = rows.enumerated().sorted { left, right in
      let (a, b) = (left.element[column], right.element[column])
      if let first = a.sort, let second = b.sort, first != second { return first > second }
      if a.sort == nil, a.exact != b.exact { return a.exact < b.exact }
      return left.offset < right.offset
    }.map(\.element)
  }

  /// Puts bars behind the numbers of a column, each as long as its part of the column's largest.
  mutating func addBars(column: Int) {
    let largest = rows.compactMap { $0[column].sort }.max() ?? 0
    if largest <= 0 { return }
    for row in rows.indices { rows[row][column].share = rows[row][column].sort.map { max($0, 0) / largest } }
  }
}

/// A figure that stands by itself, with its meaning.
struct ReportFigure: Sendable {
  var title: String
  var value: String
  var meaning: String
  var provenance: Provenance?
}

/// A part of a section.
enum ReportBlock: Sendable {
  case paragraph(String)
  case figures([ReportFigure])
  case table(ReportTable)
  case chart(any Chart)
  /// A chart as the text of a mermaid diagram, for Markdown only.
  case mermaid(String)
  case notes([(isSerious: Bool, text: String)])
}

/// One part of a report, under a heading.
struct ReportSection: Sendable {
  /// For links; unique in a report.
  var id: String
  var title: String
  /// One sentence with what the section shows, or how to read it.
  var lead: String
  var blocks: [ReportBlock] = []

  init(_ id: String, _ title: String, lead: String) {
    self.id = id
    self.title = title
    self.lead = lead
  }

  var tables: [ReportTable] {
    blocks.compactMap { block in
      if case .table(let table) = block { table } else { nil }
    }
  }
}

/// One of the questions that the first screen answers.
struct ReportAnswer: Sendable {
  var question: String
  /// The answer in a few characters, or words.
  var value: String
  /// The answer in a sentence.
  var sentence: String
  var provenance: Provenance?
  /// What the answer rests on: names with values, largest first.
  var evidence: [(name: String, value: String, share: Double)] = []
  /// The section with the details.
  var section: String
}

/// A report as a document: what it answers and what it shows, in no particular form yet.
struct ReportDocument: Sendable {
  var title: String
  /// What was read, in one line.
  var source: String
  var answers: [ReportAnswer] = []
  var sections: [ReportSection] = []

  /// All tables with rows, in the document's order.
  var tables: [ReportTable] { sections.flatMap(\.tables).filter { !$0.rows.isEmpty } }

  /// Sorts the rows of every table that has a column with the key, the largest first, texts from A on.
  mutating func sort(by key: String) {
    for section in sections.indices {
      for block in sections[section].blocks.indices {
        guard case .table(var table) = sections[section].blocks[block] else { continue }
        table.sort(by: key)
        sections[section].blocks[block] = .table(table)
      }
    }
  }
}
