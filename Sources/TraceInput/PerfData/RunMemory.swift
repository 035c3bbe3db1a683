import TraceEvents

/// The bytes of runs, wherever they are: windows on the file, which are read again when their turn comes, or blocks that
/// were unpacked and are kept until no run needs them any more.
struct RunMemory: ~Copyable {
  private static let windowBytes = 1 << 16
  private static let smallWindowBytes = 1 << 12

  private struct Block {
    var bytes: UnsafeMutableRawBufferPointer
    /// Where the bytes come from, in the file.
    var position: UInt64
    var users: Int
  }

  private let file: SeekableBytes
  private let limits: RunLimits
  private var blocks: [Block] = []
  private var freeBlocks: [Int] = []
  private var blockBytes = 0
  private var windowsHeld = 0

  init(_ file: SeekableBytes, _ limits: RunLimits) {
    self.file = file
    self.limits = limits
  }

  deinit { for block in blocks { block.bytes.deallocate() } }

  /// Whether so many unpacked bytes wait that some must be let go.
  var isOverfull: Bool { blockBytes >= limits.unpackedBytes }

  /// Whether so many windows are in memory that a run must give its own back when its turn ends.
  @inline(__always)
  var isCrowded: Bool { windowsHeld > limits.windowBytes }

  /// Brings the record at `at` into memory, which may take `wanted` bytes, and as much behind it as is good.
  ///
  /// Nothing is brought if the file has become shorter. Throws `.cannotRead`.
  mutating func load(_ run: UnsafeMutablePointer<SampleRun>, _ at: Int, wanted: Int) throws(TraceError) {
    if run.pointee.block >= 0 {
      let block = blocks[run.pointee.block]
      run.pointee.bytes = UnsafeRawPointer(block.bytes.baseAddress)
      run.pointee.heldEnd = block.bytes.count
      return
    }
    let rest = run.pointee.end - at
    let size = max(min(wanted, rest), min(rest, isCrowded ? Self.smallWindowBytes : Self.windowBytes))
    if run.pointee.window.map({ $0.count < size }) ?? true {
      release(run)
      run.pointee.window = .allocate(byteCount: size, alignment: 8)
      windowsHeld += size
    }
    guard let window = run.pointee.window else { return }
    let got = try file.read(at: UInt64(at), into: UnsafeMutableRawBufferPointer(rebasing: window[..<size]))
    run.pointee.bytes = UnsafeRawPointer(window.baseAddress)
    run.pointee.heldStart = at
    run.pointee.heldEnd = at + got
  }

  /// Gives a run's window back.
  mutating func release(_ run: UnsafeMutablePointer<SampleRun>) {
    guard let window = run.pointee.window else { return }
    windowsHeld -= window.count
    window.deallocate()
    run.pointee.window = nil
    run.pointee.heldEnd = run.pointee.heldStart
  }

  /// Gives everything back that only a run without samples left has.
  mutating func finish(_ run: UnsafeMutablePointer<SampleRun>) {
    release(run)
    if run.pointee.block >= 0 { drop(run.pointee.block) }
  }

  // MARK: - Blocks

  /// The number of a block that `fill` will bring.
  mutating func newBlock() -> Int {
    if let free = freeBlocks.popLast() { return free }
    blocks.append(Block(bytes: .init(start: nil, count: 0), position: 0, users: 0))
    return blocks.count - 1
  }

  /// Keeps a copy of `bytes` as a block that so many runs need.
  mutating func fill(_ block: Int, _ bytes: UnsafeRawBufferPointer, at position: UInt64, users: Int) {
    guard users > 0 else {
      freeBlocks.append(block)
      return
    }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    copy.copyMemory(from: bytes)
    blocks[block] = Block(bytes: copy, position: position, users: users)
    blockBytes += copy.count
  }

  /// Where in the file a run's record at `at` comes from.
  func position(_ run: UnsafeMutablePointer<SampleRun>, _ at: Int) -> UInt64 {
    run.pointee.block < 0 ? UInt64(at) : blocks[run.pointee.block].position
  }

  private mutating func drop(_ block: Int) {
    blocks[block].users -= 1
    if blocks[block].users > 0 { return }
    blockBytes -= blocks[block].bytes.count
    blocks[block].bytes.deallocate()
    blocks[block].bytes = .init(start: nil, count: 0)
    freeBlocks.append(block)
  }
}
