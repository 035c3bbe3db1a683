/// A place in a JSON document: `live.wastedPercent`, `zones.Normal.fragmentationIndex[4]`,
/// `groups["seq_open+0x27/0x65"].live.wastedBytes`.
///
/// A name after a list picks the elements that are called so (their `name`, `key`, `zone` or `text`).
public struct FieldPath: Sendable, Hashable, CustomStringConvertible {
  enum Step: Sendable, Hashable {
    case name(String)
    case index(Int)
  }

  let steps: [Step]

  /// Reads a path; `nil` if it is none.
  public init?(_ text: some StringProtocol) {
    var steps: [Step] = []
    var rest = Substring(text)
    while !rest.isEmpty {
      if rest.first == "[" {
        guard let step = Self.bracket(&rest), !steps.isEmpty else { return nil }
        steps.append(step)
      } else {
        let name = rest.prefix { $0 != "." && $0 != "[" }
        if name.isEmpty { return nil }
        steps.append(.name(String(name)))
        rest = rest.dropFirst(name.count)
      }
      if rest.first == "." {
        rest.removeFirst()
        if rest.isEmpty || rest.first == "[" || rest.first == "." { return nil }
      }
    }
    if steps.isEmpty { return nil }
    self.steps = steps
  }

  private static func bracket(_ rest: inout Substring) -> Step? {
    rest.removeFirst()
    if rest.first == "\"" {
      rest.removeFirst()
      guard let end = rest.firstIndex(of: "\"") else { return nil }
      let name = String(rest[..<end])
      rest = rest[rest.index(after: end)...]
      guard rest.first == "]" else { return nil }
      rest.removeFirst()
      return name.isEmpty ? nil : .name(name)
    }
    guard let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end]), index >= 0 else { return nil }
    rest = rest[rest.index(after: end)...]
    return .index(index)
  }

  init(steps: [Step]) { self.steps = steps }

  func appending(_ step: Step) -> FieldPath { FieldPath(steps: steps + [step]) }

  public var description: String {
    var text = ""
    for step in steps {
      switch step {
      case .index(let index): text += "[\(index)]"
      case .name(let name):
        let isPlain = name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == " " }
        if isPlain { text += (text.isEmpty ? "" : ".") + name } else { text += "[\"\(name)\"]" }
      }
    }
    return text
  }

  /// The last name, which tells what kind of figure it is: `wastedBytes`.
  var lastName: String {
    for case .name(let name) in steps.reversed() { return name }
    return ""
  }

  /// The values at this place: none if there is no such place, several if several elements of a list are called the same.
  public func values(in document: JSONValue) -> [JSONValue] {
    steps.reduce([document]) { values, step in values.flatMap { Self.values(step, in: $0) } }
  }

  private static func values(_ step: Step, in value: JSONValue) -> [JSONValue] {
    switch (step, value) {
    case (.name(let name), .object(let members)): members[name].map { [$0] } ?? []
    case (.name(let name), .array(let elements)): elements.filter { $0.elementName == name }
    case (.index(let index), .array(let elements)): index < elements.count ? [elements[index]] : []
    case (.index(let index), .object(let members)): members["\(index)"].map { [$0] } ?? []
    default: []
    }
  }

  /// What there would have been, for a message: the names next to the first one that isn't there.
  public func alternatives(in document: JSONValue) -> (known: String, names: [String]) {
    var value = document
    var known = FieldPath(steps: [])
    for step in steps {
      guard let next = Self.values(step, in: value).first else { break }
      value = next
      known = known.appending(step)
    }
    switch value {
    case .object(let members): return (known.description, members.keys.sorted())
    case .array(let elements): return (known.description, elements.compactMap(\.elementName))
    default: return (known.description, [])
    }
  }
}
