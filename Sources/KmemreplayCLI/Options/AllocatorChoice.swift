import ArgumentParser
import Replay

/// An allocator to model, with settings of its own: `slab`, `slub:max-order=0`, `slub:debug=FZ:no-cpu-partial`.
struct AllocatorChoice: Hashable {
  var kind: TracedAllocator.Kind
  var settings = SLUBSettings()
  /// The settings as they were written, if there are any.
  var variant: String?

  init(_ kind: TracedAllocator.Kind) { self.kind = kind }

  /// Reads a choice. Throws `ValidationError`.
  init(parsing text: Substring) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let option = AllocatorOption(rawValue: String(parts[0])) else {
      let known = AllocatorOption.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--allocators: `\(parts[0])` is no allocator; expected some of \(known).")
    }
    self.init(option.kind)
    if parts.count == 1 { return }
    if kind != .slub { throw ValidationError("--allocators: `\(text)`: only slub takes settings.") }
    for part in parts.dropFirst() { try settings.read(part, of: text) }
    try settings.validate { "--allocators: `\(text)`: " + $0 }
    variant = parts.dropFirst().joined(separator: ":")
  }

  /// Reads choices with commas between them. Throws `ValidationError`.
  static func list(_ text: String) throws -> [AllocatorChoice] {
    var choices: [AllocatorChoice] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let choice = try AllocatorChoice(parsing: part)
      if choices.contains(where: { $0.kind == choice.kind && $0.variant == choice.variant }) {
        throw ValidationError("--allocators: `\(part)` is named twice.")
      }
      choices.append(choice)
    }
    return choices
  }
}

extension SLUBSettings {
  private static let known = "max-order=N, min-order=N, min-objects=N, debug=FZPU, no-cpu-partial, tiny"

  fileprivate mutating func read(_ text: Substring, of choice: Substring) throws {
    let parts = text.split(separator: "=", maxSplits: 1)
    let name = parts.first.map { String($0) } ?? ""
    func number() throws -> Int {
      guard parts.count == 2, let number = Int(parts[1]) else {
        throw ValidationError("--allocators: `\(choice)`: \(name) needs a number, such as \(name)=1.")
      }
      return number
    }
    switch (name, parts.count) {
    case ("max-order", _): maximumOrder = try number()
    case ("min-order", _): minimumOrder = try number()
    case ("min-objects", _): minimumObjects = try number()
    case ("debug", 2): debugFlags = try Self.debugFlags(String(parts[1]), "--allocators: `\(choice)`: debug")
    case ("no-cpu-partial", 1): hasNoPerCPUPartial = true
    case ("tiny", 1): isTiny = true
    default:
      throw ValidationError("--allocators: `\(choice)`: `\(text)` is no setting of slub; expected \(Self.known).")
    }
  }
}
