import KernelTypes
import TraceEvents

/// Texts and stack traces in the order of their identifiers, as one thread hands them to another.
struct DistinctTexts {
  var strings: [[UInt8]]
  /// Frames as identifiers of texts of the same thread.
  var stacks: [[StringID]]

  /// What every interner and every table of stacks begins with: nothing, under the identifier 0.
  static let none = DistinctTexts(strings: [[]], stacks: [[]])

  init(strings: [[UInt8]], stacks: [[StringID]]) {
    self.strings = strings
    self.stacks = stacks
  }

  /// What an interner and a table hold beyond what was handed out before.
  init(_ strings: StringInterner, _ stacks: StackTable, beyond known: DistinctTexts) {
    self.init(strings, stacks, beyondStrings: known.strings.count, stacks: known.stacks.count)
  }

  /// What an interner and a table hold beyond their first so many, the empty ones included.
  init(_ strings: StringInterner, _ stacks: StackTable, beyondStrings knownStrings: Int, stacks knownStacks: Int) {
    self.strings = (knownStrings..<max(strings.count, knownStrings)).map { id in
      strings.withBytes(of: StringID(rawValue: UInt32(id))) { Array($0) }
    }
    self.stacks = (knownStacks..<max(stacks.count + 1, knownStacks)).map { stacks[StackID(rawValue: UInt32($0))] }
  }
}
