import KernelTypes

/// The interner of a source, for the hot loops: a reference that is not counted.
///
/// Counting would cost as much as interning a short text. The source owns both the interner and everything that holds
/// this value, so the interner is alive whenever this is used.
struct Texts {
  private let reference: Unmanaged<StringInterner>

  init(_ strings: StringInterner) { reference = .passUnretained(strings) }

  @inline(__always)
  func intern(_ start: Bytes, count: Int) -> StringID {
    reference._withUnsafeGuaranteedRef { $0.intern(start, count: count) }
  }

  @inline(__always)
  func intern(from start: Bytes, to end: Bytes) -> StringID { intern(start, count: end - start) }

  func withBytes<Result>(of id: StringID, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    reference._withUnsafeGuaranteedRef { $0.withBytes(of: id, body) }
  }
}
