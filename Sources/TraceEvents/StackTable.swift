public import KernelTypes

/// A dense number that stands for one distinct stack trace; 0 is none.
@frozen
public struct StackID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt32

  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// No stack trace.
  @inlinable
  public static var none: StackID { StackID(rawValue: 0) }
}

/// The distinct stack traces of a trace: lists of interned frame texts, innermost frame first.
///
/// At most `limit` distinct stacks are kept; later new ones are counted in `overflowed` and get `.none`.
public final class StackTable {
  private var frames: [[StringID]] = [[]]
  private var identifiers: [[StringID]: StackID] = [:]
  private let limit: Int
  /// How many stack traces were not kept because the limit was reached.
  public private(set) var overflowed = 0

  public init(limit: Int = 1 << 18) { self.limit = limit }

  /// The number of distinct stacks.
  public var count: Int { frames.count - 1 }

  /// The identifier of a stack; an empty one has none.
  public func intern(_ stack: [StringID]) -> StackID {
    if stack.isEmpty { return .none }
    if let known = identifiers[stack] { return known }
    guard frames.count < limit else {
      overflowed += 1
      return .none
    }
    let id = StackID(rawValue: UInt32(frames.count))
    frames.append(stack)
    identifiers[stack] = id
    return id
  }

  /// The frames of a stack, innermost first; none for an unknown identifier.
  public subscript(id: StackID) -> [StringID] {
    Int(id.rawValue) < frames.count ? frames[Int(id.rawValue)] : []
  }
}
