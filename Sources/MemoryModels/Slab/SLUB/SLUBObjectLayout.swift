public import KernelTypes

/// What SLUB puts around an object: the free pointer where it may not lie inside, and what `slub_debug` asks for.
///
/// Follows `calculate_sizes` in mm/slub.c, Linux 6.1.
public struct SLUBObjectLayout: Hashable, Sendable {
  /// The distance between objects in bytes (`s->size`).
  public let slotSize: Int
  /// Bytes before the first object of a slab, and before each object in its slot (`red_left_pad`).
  public let leftPadding: Int

  /// The layout of objects of `objectSize` bytes.
  ///
  /// - Parameters:
  ///   - alignment: Bytes that slots are aligned to; a power of two.
  ///   - keepsContents: Whether nothing may be stored in free objects (a constructor, or use under RCU).
  ///   - isKmalloc: Whether kmalloc uses the cache.
  public init(objectSize: Int, alignment: Int, keepsContents: Bool, isKmalloc: Bool, profile: KernelProfile) {
    let policy = profile.slub
    let flags = policy.debugFlags
    let word = profile.architecture.pointerBytes
    var size = objectSize.roundedUp(to: word)
    if flags.contains(.redZone), size == objectSize { size += word }
    if keepsContents || flags.contains(.poison) || (flags.contains(.redZone) && objectSize < word) { size += word }
    if flags.contains(.storeUser) {
      size += 2 * policy.trackBytes * word / 8
      if isKmalloc, policy.keepsRequestedSize { size += 4 }
    }
    var padding = 0
    if flags.contains(.redZone) {
      size += word
      if policy.hasLeftRedZone {
        padding = word.roundedUp(to: alignment)
        size += padding
      }
    }
    slotSize = size.roundedUp(to: alignment)
    leftPadding = padding
  }

  /// Bytes before objects of caches with this alignment, whatever else lies around them.
  public static func leftPadding(alignment: Int, profile: KernelProfile) -> Int {
    SLUBObjectLayout(objectSize: 8, alignment: alignment, keepsContents: false, isKmalloc: false, profile: profile)
      .leftPadding
  }
}

extension SLUBObjectLayout {
  /// The layout of a kmalloc class: classes that are powers of two are aligned to themselves.
  /// Follows `create_boot_cache` in mm/slab_common.c, Linux 6.1.
  public init(kmallocClass size: Int, profile: KernelProfile) {
    self.init(
      objectSize: size, alignment: size & (size - 1) == 0 ? size : 8, keepsContents: false, isKmalloc: true,
      profile: profile)
  }
}
