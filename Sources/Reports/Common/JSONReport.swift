import FoundationEssentials

/// Writes JSON documents: sorted keys, indented, a newline at the end, the same bytes for the same answer.
public enum JSONReport {
  private struct Document<Body: Encodable>: Encodable {
    var header: DocumentHeader
    var body: Body

    func encode(to encoder: any Encoder) throws {
      try header.encode(to: encoder)
      try body.encode(to: encoder)
    }
  }

  /// The document of a header and the keys of `body`, side by side on the top level.
  public static func text(_ header: DocumentHeader, _ body: some Encodable) throws -> String {
    try text(Document(header: header, body: body))
  }

  /// A document that brings its own header: of input that is no trace.
  static func text(_ document: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    let data = try encoder.encode(document)
    return String(decoding: data, as: UTF8.self) + "\n"
  }
}
