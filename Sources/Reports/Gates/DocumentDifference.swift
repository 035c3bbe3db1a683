/// What changed between two JSON results of the same kind.
///
/// Numbers outside lists are *sums*. Lists whose elements have names (call sites, caches, zones) are *groups*: their
/// elements are matched by name, and one that is missing on a side counts as nothing. Where the results came from, data
/// quality, and how the model was set up are no findings and are left out.
public struct DocumentDifference: Sendable {
  /// Why two results can't be compared.
  public struct Mismatch: Error, Sendable, CustomStringConvertible {
    public var description: String
  }

  /// A number on both sides.
  public struct Figure: Sendable, Hashable {
    public var path: FieldPath
    public var base: Double
    public var new: Double

    public var change: Double { new - base }
    /// In percent of the base, rounded to two places; `nil` when that was nothing.
    public var changePercent: Double? { base == 0 ? nil : ((new - base) / base.magnitude * 10000).rounded() / 100 }
  }

  /// The elements of one list, by how much a figure of theirs changed.
  public struct Group: Sendable {
    public var list: String
    /// The figure compared, such as `live.wastedBytes`.
    public var figure: String
    public var rows: [Row]

    public struct Row: Sendable, Hashable {
      public var name: String
      public var base: Double
      public var new: Double
      public var change: Double { new - base }
    }
  }

  /// Such as `kmemreplay.waste/1`.
  public var schema: String
  public var baseName: String
  public var newName: String
  /// All sums, in the order of their paths.
  public var sums: [Figure] = []
  /// The largest changes first.
  public var groups: [Group] = []

  private static let aboutTheInput: Set<String> = ["input", "tool", "schema", "profile", "quality", "window"]
  private static let noFindings: Set<String> = ["timeline", "marks", "modelProfile", "verification"]
  // What elements of lists are compared by: the first that they have.
  private static let groupFigures = [
    "live.wastedBytes", "model.footprintWastedBytes", "slabPages", "freePages", "bytes", "total.wastedBytes",
  ]

  /// Compares two results. Throws `Mismatch` if they are not of the same kind.
  public init(base: JSONValue, baseName: String, new: JSONValue, newName: String) throws(Mismatch) {
    guard let schema = new["schema"]?.text, schema.hasPrefix("kmemreplay.") else {
      throw Mismatch(
        description: "\(newName): is no result of kmemreplay: it has no `schema`. Make one with --format json")
    }
    guard let baseSchema = base["schema"]?.text, baseSchema.hasPrefix("kmemreplay.") else {
      throw Mismatch(
        description: "\(baseName): is no result of kmemreplay: it has no `schema`. Make one with --format json")
    }
    if schema != baseSchema {
      throw Mismatch(
        description:
          "\(baseName) is \(baseSchema), \(newName) is \(schema): only results of the same command and version "
          + "can be compared")
    }
    let grouping = (base["by"]?.text, new["by"]?.text)
    if grouping.0 != grouping.1 {
      throw Mismatch(
        description:
          "\(baseName) is by \(grouping.0 ?? "nothing"), \(newName) by \(grouping.1 ?? "nothing"): make both with "
          + "the same --by")
    }
    self.schema = schema
    self.baseName = baseName
    self.newName = newName
    collect(base, new, FieldPath(steps: []))
    groups.sort { $0.list < $1.list }
  }

  private mutating func collect(_ base: JSONValue, _ new: JSONValue, _ path: FieldPath) {
    if let before = base.number, let after = new.number {
      sums.append(Figure(path: path, base: before, new: after))
      return
    }
    switch (base, new) {
    case (.object(let before), .object(let after)):
      for key in before.keys.sorted() where after[key] != nil {
        if Self.noFindings.contains(key) || (path.steps.isEmpty && Self.aboutTheInput.contains(key)) { continue }
        if let left = before[key], let right = after[key] { collect(left, right, path.appending(.name(key))) }
      }
    case (.array(let before), .array(let after)):
      collectList(before, after, path)
    default: return
    }
  }

  private mutating func collectList(_ before: [JSONValue], _ after: [JSONValue], _ path: FieldPath) {
    let names = Set((before + after).compactMap(\.elementName))
    if !names.isEmpty {
      // Few elements are parts of the machine, such as zones and allocators: their figures are sums, too.
      if names.count <= 8, !path.description.hasSuffix("groups"), !path.description.hasSuffix("caches") {
        for element in before {
          guard let name = element.elementName, let other = after.first(where: { $0.elementName == name }) else {
            continue
          }
          collect(element, other, path.appending(.name(name)))
        }
      }
      addGroup(before, after, path)
    } else if before.count == after.count, before.count <= 64 {
      for index in before.indices { collect(before[index], after[index], path.appending(.index(index))) }
    }
  }

  private mutating func addGroup(_ before: [JSONValue], _ after: [JSONValue], _ path: FieldPath) {
    let elements = before + after
    guard
      let figure = Self.groupFigures.first(where: { name in
        guard let path = FieldPath(name) else { return false }
        return elements.contains { !path.values(in: $0).compactMap(\.number).isEmpty }
      }), let place = FieldPath(figure)
    else { return }
    func sums(_ elements: [JSONValue]) -> [String: Double] {
      elements.reduce(into: [:]) { sums, element in
        guard let name = element.elementName else { return }
        sums[name, default: 0] += place.values(in: element).first?.number ?? 0
      }
    }
    let (left, right) = (sums(before), sums(after))
    let rows = Set(left.keys).union(right.keys).map {
      Group.Row(name: $0, base: left[$0] ?? 0, new: right[$0] ?? 0)
    }.filter { $0.change != 0 }.sorted { ($1.change.magnitude, $0.name) < ($0.change.magnitude, $1.name) }
    groups.append(Group(list: path.description, figure: figure, rows: rows))
  }

  /// The changes as a document that thresholds look into: `change.live.wastedBytes`, `changePercent.live.wastedBytes`.
  public var document: JSONValue {
    var change = JSONValue.object([:])
    var percent = JSONValue.object([:])
    for sum in sums {
      change.insert(.real(sum.change), at: sum.path.steps[...])
      if let relative = sum.changePercent { percent.insert(.real(relative), at: sum.path.steps[...]) }
    }
    return .object(["change": change, "changePercent": percent])
  }
}

extension JSONValue {
  /// Puts a value at a place of objects; numbers of lists become names.
  fileprivate mutating func insert(_ value: JSONValue, at steps: ArraySlice<FieldPath.Step>) {
    guard let step = steps.first else {
      self = value
      return
    }
    var members: [String: JSONValue] = [:]
    if case .object(let known) = self { members = known }
    let key: String
    switch step {
    case .name(let name): key = name
    case .index(let index): key = "\(index)"
    }
    var inner = members[key] ?? .object([:])
    inner.insert(value, at: steps.dropFirst())
    members[key] = inner
    self = .object(members)
  }

  /// The document with the members of another beside its own.
  public func merged(with other: JSONValue) -> JSONValue {
    guard case .object(var members) = self, case .object(let more) = other else { return self }
    members.merge(more) { own, _ in own }
    return .object(members)
  }
}
