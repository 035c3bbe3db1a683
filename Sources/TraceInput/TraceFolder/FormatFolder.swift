import TraceEvents

/// The formats of events in a folder beside a trace, for a trace that has lost its own.
enum FormatFolder {
  /// What the folder may be called: as `Tools/capture` names it, and as in tracefs.
  private static let names = ["formats", "events"]

  /// The formats beside a trace in `folder`, and the path they came from; `nil` if there are none.
  ///
  /// Throws `.cannotRead`, `.cannotOpen`.
  static func catalogue(in folder: String) throws(TraceError) -> (catalogue: EventCatalogue, path: String)? {
    for name in names {
      let path = folder + "/" + name
      guard DirectoryListing.isDirectory(path) else { continue }
      let entries = try DirectoryListing.entries(of: path) {
        if let role = RawFolder.role(of: $0) { role == .format || role == .headerPage } else { false }
      }
      guard entries.contains(where: { RawFolder.role(of: $0.path) == .format }) else { continue }
      let catalogue = try RawFolder(entries, name: path).catalogue
      if catalogue.count > 0 { return (catalogue, path) }
    }
    return nil
  }
}
