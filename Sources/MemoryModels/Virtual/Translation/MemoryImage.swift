import KernelTypes

/// Some of a machine's physical memory, as words of one size: what a walk can be made on without the machine.
///
/// Of a page of which any word is known, the others are zero; nothing is known of other pages.
public struct MemoryImage: Sendable {
  /// Bytes of a word, 4 or 8.
  public let wordBytes: Int
  /// log₂ of the pages that are known as a whole.
  let pageShift: Int
  private var words: [UInt64: UInt64] = [:]
  private var pages: Set<UInt64> = []

  public init(wordBytes: Int, pageBytes: UInt64 = 4096) {
    self.wordBytes = wordBytes
    pageShift = pageBytes.trailingZeroBitCount
  }

  /// The number of words that were set.
  public var wordCount: Int { words.count }

  /// The word at an address; `nil` if nothing is known of its page.
  public subscript(address: UInt64) -> UInt64? {
    if let word = words[address] { return word }
    return pages.contains(address >> UInt64(pageShift)) ? 0 : nil
  }

  /// Sets a word, which makes its page known; returns what had been set there before.
  @discardableResult
  public mutating func set(_ address: UInt64, _ word: UInt64) -> UInt64? {
    pages.insert(address >> UInt64(pageShift))
    return words.updateValue(word, forKey: address)
  }

  /// Says that the page of an address is known, if only as zeros.
  mutating func markKnown(_ address: UInt64) { pages.insert(address >> UInt64(pageShift)) }

  /// Translates an address by tables that begin at `root` (CR3, TTBR without their flags), and shows all entries read.
  public func walk(
    _ address: UInt64, _ access: MemoryAccess, scheme: TranslationScheme, root: UInt64,
    controls: TranslationControls = TranslationControls()
  ) -> TableWalk {
    let source = ImageSource(image: self, root: root)
    var recorder = StepRecorder()
    let outcome = TableWalker(scheme, controls).walk(source, address, access, &recorder)
    return TableWalk(steps: recorder.steps, outcome: outcome)
  }
}

extension PageTable {
  /// The memory that the tables are in.
  public var image: MemoryImage {
    var image = MemoryImage(wordBytes: scheme.entryBytes, pageBytes: scheme.pageBytes)
    forEachTable { _, frame, order in
      for page in 0..<Order.pages(order) { image.markKnown((frame.rawValue + page) << UInt64(scheme.pageShift)) }
    }
    forEachWord { image.set($0, $1) }
    return image
  }
}

/// A walk's view of a memory image: tables are their addresses.
private struct ImageSource: TableSource {
  let image: MemoryImage
  let root: UInt64

  func entry(_ table: UInt64, _ index: Int) -> UInt64? { image[table &+ UInt64(index * image.wordBytes)] }
  func table(_ table: UInt64, _ index: Int, _ address: UInt64) -> UInt64? { address }
  func address(of table: UInt64) -> UInt64 { table }
}
