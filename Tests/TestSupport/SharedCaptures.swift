import Glibc

/// Captures that are too large to ship, in a folder beside the package: tests that need them skip without.
public enum SharedCaptures {
  /// The trace of a capture; `nil` if it is not there.
  public static func path(_ capture: String) -> String? {
    let package = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    let path = package + "/../shared/captures/" + capture + "/trace.txt.zst"
    return access(path, R_OK) == 0 ? path : nil
  }
}
