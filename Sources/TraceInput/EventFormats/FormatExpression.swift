/// An argument of an event's `print fmt`: a C expression over the record's fields.
///
/// Only what the formats of kmem events need is understood; the rest is `.unknown` and has no value.
indirect enum FormatExpression: Equatable {
  case number(UInt64)
  /// The value of a field of the record.
  case field(String)
  case text(String)
  case not(FormatExpression)
  case complement(FormatExpression)
  case negative(FormatExpression)
  case binary(Operator, FormatExpression, FormatExpression)
  case choice(FormatExpression, FormatExpression, FormatExpression)
  /// `__print_flags(value, delimiter, {mask, name}, …)`; masks that are no constants are left out.
  case flags(FormatExpression, String, [NamedValue])
  /// `__print_symbolic(value, {number, name}, …)`.
  case symbol(FormatExpression, [NamedValue])
  case unknown

  struct NamedValue: Equatable {
    var value: UInt64
    var name: String
  }

  enum Operator: String {
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
    case add = "+"
    case subtract = "-"
    case shiftLeft = "<<"
    case shiftRight = ">>"
    case less = "<"
    case greater = ">"
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case equal = "=="
    case notEqual = "!="
    case and = "&"
    case exclusiveOr = "^"
    case or = "|"
    case logicalAnd = "&&"
    case logicalOr = "||"

    /// How tightly it binds; as in C, larger is tighter.
    var precedence: Int {
      switch self {
      case .multiply, .divide, .remainder: 10
      case .add, .subtract: 9
      case .shiftLeft, .shiftRight: 8
      case .less, .greater, .lessOrEqual, .greaterOrEqual: 7
      case .equal, .notEqual: 6
      case .and: 5
      case .exclusiveOr: 4
      case .or: 3
      case .logicalAnd: 2
      case .logicalOr: 1
      }
    }
  }

  /// The names of the fields it reads.
  var fields: Set<String> {
    switch self {
    case .number, .text, .unknown: []
    case .field(let name): [name]
    case .not(let value), .complement(let value), .negative(let value): value.fields
    case .binary(_, let left, let right): left.fields.union(right.fields)
    case .choice(let condition, let yes, let no): condition.fields.union(yes.fields).union(no.fields)
    case .flags(let value, _, _), .symbol(let value, _): value.fields
    }
  }

  /// The number it gives with the fields that `value` knows; `nil` if that can't be told.
  func number(_ value: (String) -> UInt64?) -> UInt64? {
    switch self {
    case .number(let number): return number
    case .field(let name): return value(name)
    case .not(let inner): return inner.number(value).map { $0 == 0 ? 1 : 0 }
    case .complement(let inner): return inner.number(value).map { ~$0 }
    case .negative(let inner): return inner.number(value).map { 0 &- $0 }
    case .binary(let operation, let left, let right): return Self.number(operation, left, right, value)
    case .choice(let condition, let yes, let no):
      guard let isTrue = condition.number(value) else { return nil }
      return isTrue != 0 ? yes.number(value) : no.number(value)
    case .text, .flags, .symbol, .unknown: return nil
    }
  }

  private static func number(
    _ operation: Operator, _ left: FormatExpression, _ right: FormatExpression, _ value: (String) -> UInt64?
  ) -> UInt64? {
    let first = left.number(value)
    // A constant side may decide alone, whatever the other is: `0 && …`.
    if operation == .logicalAnd, first == 0 { return 0 }
    if operation == .logicalOr, let first, first != 0 { return 1 }
    guard let first, let second = right.number(value) else { return nil }
    let (signedFirst, signedSecond) = (Int64(bitPattern: first), Int64(bitPattern: second))
    switch operation {
    case .multiply: return first &* second
    case .divide: return second == 0 ? nil : first / second
    case .remainder: return second == 0 ? nil : first % second
    case .add: return first &+ second
    case .subtract: return first &- second
    case .shiftLeft: return second < 64 ? first << second : 0
    case .shiftRight: return second < 64 ? first >> second : 0
    case .less: return signedFirst < signedSecond ? 1 : 0
    case .greater: return signedFirst > signedSecond ? 1 : 0
    case .lessOrEqual: return signedFirst <= signedSecond ? 1 : 0
    case .greaterOrEqual: return signedFirst >= signedSecond ? 1 : 0
    case .equal: return first == second ? 1 : 0
    case .notEqual: return first != second ? 1 : 0
    case .and: return first & second
    case .exclusiveOr: return first ^ second
    case .or: return first | second
    case .logicalAnd, .logicalOr: return second != 0 ? 1 : 0
    }
  }

  /// The text it prints with the fields that `value` knows; `nil` if that can't be told.
  ///
  /// Follows trace_print_flags_seq and trace_print_symbols_seq in kernel/trace/trace_output.c.
  func text(_ value: (String) -> UInt64?) -> String? {
    switch self {
    case .text(let text): return text
    case .choice(let condition, let yes, let no):
      guard let isTrue = condition.number(value) else { return nil }
      return isTrue != 0 ? yes.text(value) : no.text(value)
    case .flags(let inner, let delimiter, let names):
      return inner.number(value).map { Self.flagsText($0, delimiter, names) }
    case .symbol(let inner, let names):
      guard let number = inner.number(value) else { return nil }
      return names.first { $0.value == number }?.name ?? "0x" + String(number, radix: 16)
    default: return nil
    }
  }

  private static func flagsText(_ flags: UInt64, _ delimiter: String, _ names: [NamedValue]) -> String {
    var left = flags
    var parts: [String] = []
    for entry in names where left != 0 && left & entry.value == entry.value {
      parts.append(entry.name)
      left &= ~entry.value
    }
    if left != 0 { parts.append("0x" + String(left, radix: 16)) }
    return parts.joined(separator: delimiter)
  }
}
