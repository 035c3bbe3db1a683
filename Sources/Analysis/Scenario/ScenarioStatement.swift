/// What a line of a scenario may begin with.
enum ScenarioVerb: String, CaseIterable, Sendable {
  case machine, file, process, map, unmap, protect, remap, heap, advise, touch, read, write, execute, fork, exec, exit
  case lock, unlock, swap, limit, `repeat`, end, mark, assert

  /// The words that must follow, by what they name.
  var operands: [String] {
    switch self {
    case .machine, .mark, .end, .assert: []
    case .file: ["FILE"]
    case .process, .exit, .heap, .limit: ["PROCESS"]
    case .fork: ["PROCESS", "CHILD"]
    case .exec: ["PROCESS", "PROGRAM"]
    case .repeat: ["COUNT"]
    case .protect: ["PROCESS", "REGION", "ACCESS"]
    case .advise: ["PROCESS", "REGION", "ADVICE"]
    default: ["PROCESS", "REGION"]
    }
  }

  /// Options, written `name=value`.
  var options: Set<String> {
    switch self {
    case .machine:
      [
        "ram", "swap", "kernel", "thp", "overcommit", "overcommit-ratio", "overcommit-size", "swappiness",
        "page-cluster", "hugepages", "mmap-min-addr", "max-map-count", "fault-around", "scheme", "tlb", "data-caches",
      ]
    case .file: ["size", "cached"]
    case .map: ["size", "file", "offset", "at"]
    case .unmap, .protect, .advise, .lock, .unlock, .swap: ["offset", "size"]
    case .touch, .read, .write, .execute: ["offset", "size", "step", "depth", "at"]
    case .remap, .heap: ["size"]
    case .limit: ["stack", "address-space", "data", "locked", "oom"]
    default: []
    }
  }

  /// Words without a value.
  var flags: Set<String> {
    switch self {
    case .file: ["tmpfs"]
    case .process: ["unprivileged"]
    case .map:
      ["r", "rw", "rx", "rwx", "none", "shared", "populate", "locked", "noreserve", "hugetlb", "stack", "fixed"]
    case .remap: ["move"]
    default: []
    }
  }

  /// Whether `expect WORD` may end the line.
  var mayFail: Bool {
    switch self {
    case .machine, .file, .process, .repeat, .end, .mark, .assert, .exit: false
    default: true
    }
  }
}

/// A line of a scenario.
struct ScenarioStatement: Sendable {
  var verb: ScenarioVerb
  /// The verb, for messages.
  var word: ScenarioWord
  var operands: [ScenarioWord] = []
  var options: [String: ScenarioWord] = [:]
  var flags: [String: ScenarioWord] = [:]
  /// What must happen instead of success, such as `ENOMEM` or `SEGV_MAPERR`.
  var expectation: ScenarioWord?
  /// The words of an assertion.
  var assertion: [ScenarioWord] = []
  /// `repeat`: the index of its `end`; `end`: that of its `repeat`.
  var partner = 0
}

/// A scenario that makes sense word by word: a list of statements.
public struct Scenario: Sendable {
  /// A scenario has at most so many bytes.
  public static let sizeLimit = 1 << 20

  let statements: [ScenarioStatement]

  /// Reads a scenario's text.
  ///
  /// Throws where a word is unknown, one is missing or too many, a value makes no sense, or `repeat` has no `end`.
  public init(parsing text: String) throws(ScenarioError) {
    if text.utf8.count > Self.sizeLimit {
      throw ScenarioError(line: 1, column: 1, "the scenario is larger than \(Self.sizeLimit) bytes")
    }
    var statements: [ScenarioStatement] = []
    var open: [Int] = []
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      let words = Self.words(line, number)
      guard let first = words.first else { continue }
      var statement = try Self.statement(first, words.dropFirst())
      if statement.verb == .repeat {
        open.append(statements.count)
      } else if statement.verb == .end {
        guard let start = open.popLast() else { throw ScenarioError(first, "`end` without a `repeat` before it") }
        statement.partner = start
        statements[start].partner = statements.count
      }
      statements.append(statement)
    }
    if let start = open.last { throw ScenarioError(statements[start].word, "`repeat` without an `end`") }
    self.statements = statements
  }

  /// The words of a line, up to a `#`.
  private static func words(_ line: Substring, _ number: Int) -> [ScenarioWord] {
    var words: [ScenarioWord] = []
    var column = 0
    var start = 0
    var text = ""
    func close() {
      if !text.isEmpty { words.append(ScenarioWord(text: text, line: number, column: start)) }
      text = ""
    }
    for character in line {
      column += 1
      if character == "#" { break }
      if character == " " || character == "\t" || character == "\r" {
        close()
      } else {
        if text.isEmpty { start = column }
        text.append(character)
      }
    }
    close()
    return words
  }

  private static func statement(
    _ first: ScenarioWord, _ rest: ArraySlice<ScenarioWord>
  ) throws(ScenarioError) -> ScenarioStatement {
    guard let verb = ScenarioVerb(rawValue: first.text) else {
      let known = ScenarioVerb.allCases.map(\.rawValue).joined(separator: ", ")
      throw ScenarioError(first, "unknown word \(first.shown); a line begins with one of \(known)")
    }
    var statement = ScenarioStatement(verb: verb, word: first)
    if verb == .assert {
      statement.assertion = Array(rest)
      return statement
    }
    var rest = rest
    for name in verb.operands {
      guard let word = rest.popFirst() else {
        throw ScenarioError(
          line: first.line, column: first.column + first.text.count,
          "`\(verb.rawValue)` needs a \(name) here: `\(([verb.rawValue] + verb.operands).joined(separator: " "))`")
      }
      statement.operands.append(word)
    }
    while let word = rest.popFirst() {
      if word.text == "expect" {
        guard verb.mayFail else { throw ScenarioError(word, "`\(verb.rawValue)` can't fail, so nothing is to expect") }
        guard let expected = rest.popFirst() else { throw ScenarioError(word, "`expect` needs an error or a signal") }
        statement.expectation = expected
        if let extra = rest.first { throw ScenarioError(extra, "unexpected \(extra.shown) behind `expect`") }
        break
      }
      if let sign = word.text.firstIndex(of: "=") {
        let name = String(word.text[..<sign])
        guard verb.options.contains(name) else {
          throw ScenarioError(word, "`\(verb.rawValue)` has no option `\(name)=`; it has \(list(verb.options))")
        }
        let value = ScenarioWord(
          text: String(word.text[word.text.index(after: sign)...]), line: word.line,
          column: word.column + name.count + 1)
        if statement.options.updateValue(value, forKey: name) != nil {
          throw ScenarioError(word, "`\(name)=` is given twice")
        }
      } else if verb.flags.contains(word.text) {
        statement.flags[word.text] = word
      } else {
        let known = verb.flags.union(verb.options.map { $0 + "=" })
        throw ScenarioError(word, "unknown word \(word.shown); `\(verb.rawValue)` takes \(list(known))")
      }
    }
    return statement
  }

  private static func list(_ names: Set<String>) -> String {
    names.isEmpty ? "none" : names.sorted().joined(separator: ", ")
  }
}

extension ScenarioWord {
  /// A number of bytes: `64K`, `16M`, `1G`, `4096`, `0x1000`, or pages, `3p`.
  func bytes(pageBytes: UInt64) throws(ScenarioError) -> UInt64 {
    let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "p": pageBytes]
    var digits = Substring(text)
    var unit: UInt64 = 1
    if let last = digits.last, let factor = units[last], !text.hasPrefix("0x") {
      unit = factor
      digits.removeLast()
    }
    let value = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(digits)
    guard let value, case let (product, overflow) = value.multipliedReportingOverflow(by: unit), !overflow else {
      throw ScenarioError(self, "\(shown) is no size; expected a number such as 4096, 64K, 16M, 3p (pages) or 0x1000")
    }
    return product
  }

  /// A plain number in a range.
  func number(_ range: ClosedRange<Int>) throws(ScenarioError) -> Int {
    guard let value = Int(text), range.contains(value) else {
      throw ScenarioError(self, "\(shown) is no number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }
}
