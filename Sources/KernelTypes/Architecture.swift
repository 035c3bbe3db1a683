/// A processor architecture, as far as the kernel's memory management depends on it.
public enum Architecture: String, Sendable, Codable, CaseIterable {
  case x86_64
  case x86
  case arm64
  case arm

  /// The size of a pointer and of `unsigned long`, in bytes.
  public var pointerBytes: Int {
    switch self {
    case .x86_64, .arm64: 8
    case .x86, .arm: 4
    }
  }
}
