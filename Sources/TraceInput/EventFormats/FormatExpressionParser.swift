/// Reads the C expressions of a `print fmt` by precedence climbing.
///
/// What it doesn't understand becomes `.unknown`, up to the end of the argument; it never fails.
struct FormatExpressionParser {
  /// Deeper nesting than the kernel's formats have (about 15) is damage, and must not use up the stack.
  private static let depthLimit = 100

  private let tokens: [FormatToken]
  private var index = 0
  private var depth = 0

  init(_ tokens: [FormatToken]) { self.tokens = tokens }

  private var next: FormatToken? { index < tokens.count ? tokens[index] : nil }

  var isAtEnd: Bool { index >= tokens.count }

  /// Reads literals that stand side by side as one, if there is one.
  mutating func literal() -> String? {
    var text: String?
    while case .text(let part)? = next {
      text = (text ?? "") + part
      index += 1
    }
    return text
  }

  /// Passes over a comma (or another sign), if it comes next.
  mutating func take(_ sign: String) -> Bool {
    guard next == .sign(sign) else { return false }
    index += 1
    return true
  }

  /// Reads an argument up to the comma or bracket that ends it.
  mutating func argument() -> FormatExpression {
    let value = expression()
    if isAtArgumentEnd { return value }
    skipArgument()
    return .unknown
  }

  private var isAtArgumentEnd: Bool {
    switch next {
    case nil, .sign(","), .sign(")"), .sign("}"): true
    default: false
    }
  }

  private mutating func skipArgument() {
    var open = 0
    while let token = next {
      if open == 0, isAtArgumentEnd { return }
      switch token {
      case .sign("("), .sign("{"), .sign("["): open += 1
      case .sign(")"), .sign("}"), .sign("]"): open -= 1
      default: break
      }
      index += 1
    }
  }

  private mutating func expression() -> FormatExpression {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthLimit { return .unknown }
    let condition = binary(above: 0)
    guard take("?") else { return condition }
    let yes = expression()
    guard take(":") else { return .unknown }
    return .choice(condition, yes, expression())
  }

  private mutating func binary(above precedence: Int) -> FormatExpression {
    var left = unary()
    while case .sign(let sign)? = next, let operation = FormatExpression.Operator(rawValue: sign),
      operation.precedence > precedence
    {
      index += 1
      left = .binary(operation, left, binary(above: operation.precedence))
    }
    return left
  }

  private mutating func unary() -> FormatExpression {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthLimit { return .unknown }
    if take("!") { return .not(unary()) }
    if take("~") { return .complement(unary()) }
    if take("-") { return .negative(unary()) }
    if next == .sign("("), skipCast() { return unary() }
    return primary()
  }

  // A cast is a type in brackets before a value: "(unsigned long)(", "( gfp_t)0x40u", "(struct page *)vmemmap_base".
  // Numbers are 64 bits wide here whatever the type, which is right for flags and orders.
  private mutating func skipCast() -> Bool {
    var cursor = index + 1
    var words: [String] = []
    while cursor < tokens.count, case .word(let word) = tokens[cursor] {
      words.append(word)
      cursor += 1
    }
    if words.isEmpty || words.contains("REC") { return false }
    while cursor < tokens.count, tokens[cursor] == .sign("*") { cursor += 1 }
    guard cursor + 1 < tokens.count, tokens[cursor] == .sign(")") else { return false }
    switch tokens[cursor + 1] {
    case .number, .word, .text, .sign("("), .sign("~"): break
    case .sign("-"): if !words.contains(where: Self.typeWords.contains) { return false }
    default: return false
    }
    index = cursor + 1
    return true
  }

  private static let typeWords: Set<String> = ["unsigned", "signed", "int", "long", "short", "char", "gfp_t", "bool"]

  private mutating func primary() -> FormatExpression {
    guard let token = next else { return .unknown }
    switch token {
    case .number(let number):
      index += 1
      return .number(number)
    case .text:
      return .text(literal() ?? "")
    case .sign("("):
      index += 1
      let value = expression()
      return take(")") ? value : .unknown
    case .word("REC"):
      return field()
    case .word(let name):
      index += 1
      return next == .sign("(") ? call(name) : .unknown
    case .sign:
      return .unknown
    }
  }

  private mutating func field() -> FormatExpression {
    index += 1
    guard take("->"), case .word(let name)? = next else { return .unknown }
    index += 1
    // An element of an array is no number of the record.
    return next == .sign("[") ? .unknown : .field(name)
  }

  private mutating func call(_ name: String) -> FormatExpression {
    index += 1
    let result: FormatExpression
    switch name {
    case "__print_flags", "__print_flags_u64":
      let value = argument()
      let delimiter = take(",") ? literal() : nil
      result = .flags(value, delimiter ?? "|", table())
    case "__print_symbolic", "__print_symbolic_u64":
      let value = argument()
      result = .symbol(value, table())
    default:
      result = .unknown
    }
    while !take(")") {
      if isAtEnd { return .unknown }
      skipArgument()
      if take(",") || take("}") { continue }
      if next != .sign(")") { return .unknown }
    }
    return result
  }

  // {value, "name"}, … ; older kernels write an empty pair behind the last.
  private mutating func table() -> [FormatExpression.NamedValue] {
    var entries: [FormatExpression.NamedValue] = []
    while take(",") {
      guard take("{") else { return entries }
      let value = argument()
      guard take(","), let name = literal(), take("}") else { return entries }
      if let number = value.number({ _ in nil }) { entries.append(.init(value: number, name: name)) }
    }
    return entries
  }
}
