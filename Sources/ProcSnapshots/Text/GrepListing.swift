/// Small files as `grep -r .` prints them, one `PATH:LINE` a line: how directories of /sys and /proc/sys are kept.
public struct GrepListing: Hashable, Sendable {
  public struct Row: Hashable, Sendable {
    /// Without the prefix that all paths share.
    public var path: String
    public var value: ByteString
  }

  /// What all paths begin with, such as `/sys/kernel/slab/` or `./`.
  public var prefix: String
  public var rows: [Row]

  public subscript(path: String) -> String? { rows.first { $0.path == path }?.value.description }

  /// Reads a listing of the directory whose path ends with `directory`, such as `kernel/slab/`.
  static func read(_ text: inout KernelText, of directory: StaticString, example: String) throws(SnapshotError)
    -> GrepListing
  {
    let name = directory.withUTF8Buffer { Array($0) }
    guard let first = text.peek() else { return GrepListing(prefix: "", rows: []) }
    let prefix = prefix(of: first.line, name)
    let rows: [Row] = try text.rows(example) { cursor in
      guard cursor.take(prefix), let path = cursor.word(until: "").flatMap({ split(&cursor, $0, prefix) }) else {
        return nil
      }
      return Row(path: path, value: cursor.rest())
    }
    return GrepListing(prefix: String(decoding: prefix, as: UTF8.self), rows: rows)
  }

  /// The path in `word`: a directory's name may begin with a colon, so the separator is the first one behind that.
  private static func split(_ cursor: inout FieldCursor, _ word: String, _ prefix: [UInt8]) -> String? {
    let bytes = Array(word.utf8)
    guard
      let colon = bytes.indices.dropFirst().first(where: {
        bytes[$0] == UInt8(ascii: ":") && bytes[$0 - 1] != UInt8(ascii: "/")
      })
    else { return nil }
    cursor.move(to: prefix.count + colon + 1)
    return String(decoding: bytes[..<colon], as: UTF8.self)
  }

  private static func prefix(of line: ArraySlice<UInt8>, _ name: [UInt8]) -> [UInt8] {
    // Only up to the value: that may hold anything.
    for start in line.indices where line[start...].starts(with: name) {
      return Array(line[..<(start + name.count)])
    }
    return line.starts(with: "./".utf8) ? Array("./".utf8) : []
  }

  func write(_ writer: inout ByteWriter) {
    for row in rows {
      writer.put(prefix + row.path + ":")
      writer.put(row.value)
      writer.newline()
    }
  }
}
