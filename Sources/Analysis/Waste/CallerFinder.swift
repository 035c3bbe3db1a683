import KernelTypes
import TraceEvents

/// Looks behind call sites that allocate for others: with a stack trace at hand, the first frame that doesn't is the caller.
struct CallerFinder {
  private let strings: StringInterner
  private let stacks: StackTable
  // What each call site is: 0 not looked at, 1 a wrapper, 2 a caller of its own.
  private var kinds: [UInt8] = []
  private var callers: [StackID: StringID] = [:]

  init(strings: StringInterner, stacks: StackTable) {
    self.strings = strings
    self.stacks = stacks
  }

  /// The frame that called the wrapper at `site`; `.none` if the site is no wrapper or the stack doesn't tell.
  mutating func caller(site: StringID, stack: StackID) -> StringID {
    if stack == .none || !isWrapper(site) { return .none }
    if let known = callers[stack] { return known }
    let caller = stacks[stack].first { !isWrapper($0) } ?? .none
    callers[stack] = caller
    return caller
  }

  private mutating func isWrapper(_ site: StringID) -> Bool {
    let index = site.index
    if index >= kinds.count { kinds.append(contentsOf: repeatElement(0, count: index + 1 - kinds.count)) }
    if kinds[index] == 0 { kinds[index] = AllocationWrappers.contains(strings.string(site)) ? 1 : 2 }
    return kinds[index] == 1
  }
}
