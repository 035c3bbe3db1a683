import KernelTypes
import ProcSnapshots
import Reports
import TraceInput

/// A capture that was named in a trace's place: what it has beside the trace.
struct CaptureBundle {
  private let path: String
  private let isDirectory: Bool

  /// The capture at a path; `nil` if there is a plain trace or something else.
  init?(_ path: String) {
    if path == TraceInput.standardInputPath { return nil }
    self.path = path
    isDirectory = SnapshotReader.isDirectory(path)
    let isCapture =
      isDirectory
      ? CaptureFolder.trace(in: path) != nil || CaptureFolder.hasRawPages(in: path) : CaptureFolder.isArchive(path)
    if !isCapture { return nil }
  }

  /// Whether there is a trace in it: an archive may hold snapshots alone.
  var hasTrace: Bool { isDirectory || CaptureFolder.hasTrace(inArchive: path) }

  /// The snapshot in the directory `label`; `nil` if there is none.
  func snapshot(_ label: String) throws -> Snapshot? {
    do throws(SnapshotError) {
      if !isDirectory { return try SnapshotReader.read(path: path, label: label) }
      let folder = path + "/" + label
      return SnapshotReader.isDirectory(folder) ? try SnapshotReader.read(path: folder) : nil
    } catch {
      if error.code == .nothingFound { return nil }
      throw CommandFailure(SafeText.printable(error.description))
    }
  }

  /// The symbols; `nil` if there are none, or the kernel hid their addresses.
  func symbols() throws -> SymbolTable? {
    var reader = SymbolTableReader()
    if isDirectory {
      guard let file = CaptureFolder.symbols(in: path) else { return nil }
      return try? SymbolFile.read(file)
    }
    guard try CaptureFolder.readSymbols(inArchive: path, { reader.read($0) }) else { return nil }
    let isUseless = reader.hidesAddresses
    let table = reader.finish()
    return isUseless || table.count == 0 ? nil : table
  }
}
