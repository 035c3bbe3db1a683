import ArgumentParser

/// What `convert` can write.
enum ConvertedForm: String, CaseIterable, ExpressibleByArgument {
  case text, csv, kmr

  /// The form that a file's name asks for, and whether it is to be packed with zstd; `nil` if it asks for none.
  static func named(_ path: String) -> (form: ConvertedForm, isPacked: Bool)? {
    let file = path.split(separator: "/").last ?? ""
    var parts = file.split(separator: ".").map { $0.lowercased() }
    let isPacked = parts.last == "zst"
    if isPacked { parts.removeLast() }
    guard parts.count > 1, let name = parts.last, let form = extensions[name] else { return nil }
    return (form, isPacked)
  }

  private static let extensions: [String: ConvertedForm] = [
    "txt": .text, "text": .text, "log": .text, "trace": .text, "csv": .csv, "kmr": .kmr,
  ]
}
