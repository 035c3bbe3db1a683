import KernelTypes
import TraceEvents

/// Gives the call chains of samples their identifiers; each distinct chain is taken apart once.
struct PerfCallChains: ~Copyable {
  /// Frames kept of one chain, as of other stack traces.
  private static let frameLimit = 256
  private static let tableLimit = 1 << 18
  // PERF_CONTEXT_MAX: numbers from here on say whose addresses follow (include/uapi/linux/perf_event.h).
  private static let contexts = UInt64(bitPattern: -4095)
  private static let userContext = UInt64(bitPattern: -512)

  private let strings: StringInterner
  private let stacks: StackTable
  var symbols: KernelSymbols?
  private var known = AddressTable<UInt32>(filler: 0, minimumCapacity: 1024)
  // The addresses of the chains in `known`, one behind the other, to tell chains of the same hash apart.
  private var places: [(start: Int, count: Int, stack: StackID)] = []
  private var addresses: [UInt64] = []
  private var names = AddressTable<UInt32>(filler: 0, minimumCapacity: 1024)

  init(strings: StringInterner, stacks: StackTable) {
    self.strings = strings
    self.stacks = stacks
  }

  /// The stack of a chain of `count` addresses: the kernel's part of it, innermost first.
  mutating func stack(_ chain: UnsafeRawPointer, _ count: Int, swapped: Bool) -> StackID {
    var hash: UInt64 = UInt64(truncatingIfNeeded: count)
    for index in 0..<count {
      hash = (hash ^ chain.load64(8 * index, swapped: swapped)) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    if let place = known.value(hash), isSame(places[Int(place)], chain, count, swapped) {
      return places[Int(place)].stack
    }
    let stack = newStack(chain, count, swapped)
    if places.count < Self.tableLimit, hash != .max {
      known.insert(hash, UInt32(places.count))
      places.append((addresses.count, count, stack))
      for index in 0..<count { addresses.append(chain.load64(8 * index, swapped: swapped)) }
    }
    return stack
  }

  private func isSame(
    _ place: (start: Int, count: Int, stack: StackID), _ chain: UnsafeRawPointer, _ count: Int, _ swapped: Bool
  ) -> Bool {
    if place.count != count { return false }
    for index in 0..<count where addresses[place.start + index] != chain.load64(8 * index, swapped: swapped) {
      return false
    }
    return true
  }

  private mutating func newStack(_ chain: UnsafeRawPointer, _ count: Int, _ swapped: Bool) -> StackID {
    var frames: [StringID] = []
    for index in 0..<min(count, Self.frameLimit) {
      let address = chain.load64(8 * index, swapped: swapped)
      if address == Self.userContext { break }
      if address < Self.contexts { frames.append(name(address)) }
    }
    return stacks.intern(frames)
  }

  private mutating func name(_ address: UInt64) -> StringID {
    if let known = names.value(address) { return StringID(rawValue: known) }
    let id = strings.intern(symbols?.function(address) ?? "0x" + String(address, radix: 16))
    if names.count < Self.tableLimit { names.insert(address, id.rawValue) }
    return id
  }
}
