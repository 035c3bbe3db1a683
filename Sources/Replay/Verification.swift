/// How often the model was asked about something the trace also tells, and how often it was right.
public struct Grade: Sendable, Hashable {
  public var checked: UInt64 = 0
  public var matched: UInt64 = 0

  public init(checked: UInt64 = 0, matched: UInt64 = 0) {
    self.checked = checked
    self.matched = matched
  }

  @inline(__always)
  mutating func count(_ isRight: Bool) {
    checked &+= 1
    if isRight { matched &+= 1 }
  }
}

/// Why an object's address was not the one predicted.
public enum AddressMiss: String, CaseIterable, Sendable {
  /// The object lay deeper in the free list the model used: those above it were taken by requests the trace doesn't
  /// show (`kmem_cache_alloc_bulk`).
  case takenUnseen
  /// The object was handed out as far as the model knew: it was freed by a request the trace doesn't show
  /// (`kmem_cache_free_bulk`, batches of `kfree_rcu`).
  case freedUnseen
  /// The kernel grew although the model had a free object.
  case kernelGrew
  /// The model wanted a new slab although the kernel had a free object.
  case modelGrew
  /// The object came from another slab than the model's.
  case otherSlab
  /// The object came from a slab on another CPU's list.
  case otherCPU
}
