extension Int {
  /// The smallest multiple of `alignment` that is not less; both are positive.
  @inlinable public func roundedUp(to alignment: Int) -> Int { (self + alignment - 1) / alignment * alignment }
}
