import KernelTypes

/// Reads the file of `--symbols`.
enum SymbolFile {
  /// The symbols of a kallsyms or System.map file.
  static func read(_ path: String) throws -> SymbolTable {
    var reader = SymbolTableReader()
    try TextFile.readPieces(path) { reader.read($0) }
    let hidesAddresses = reader.hidesAddresses
    let table = reader.finish()
    if hidesAddresses {
      throw CommandFailure(
        "\(path): all addresses are zero. The kernel hides them from ordinary users; copy it as root, "
          + "with kernel.kptr_restrict=0")
    }
    if table.count == 0 {
      throw CommandFailure("\(path): holds no code symbols; expected lines such as `ffffffff81000000 T _text`")
    }
    return table
  }

  /// The file of `--source-map`.
  static func readSourceMap(_ path: String) throws -> SourceMap {
    var reader = SourceMapReader()
    try TextFile.readPieces(path) { reader.read($0) }
    let map = reader.finish()
    if map.count == 0 {
      throw CommandFailure(
        "\(path): tells no function's directory; expected the output of `nm -l vmlinux`, or of `nm -A` or `readelf -sW` over "
          + "the object files of a kernel tree")
    }
    return map
  }
}
