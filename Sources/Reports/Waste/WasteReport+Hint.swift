import Analysis
import KernelTypes

extension WasteReport {
  /// What to do about the group that wastes most at the end; empty when nothing stands out or `--advise` has
  /// said more.
  ///
  /// The saving is an estimate by counting: what objects would take in slots of the size asked for on average. How many
  /// pages that frees only a replay tells.
  var hint: String {
    guard advice == nil, let group = result.groups.first, group.live.objects > 0,
      group.live.wastedBytes > 0, group.live.wastedBytes * 20 >= result.live.wastedBytes
    else { return "" }
    let objects = group.live.objects
    let requested = group.live.requestedBytes / UInt64(objects)
    let allocated = group.live.allocatedBytes / UInt64(objects)
    let saved = Int64(objects) * (Int64(allocated) - Int64((requested + 7) / 8 * 8))
    guard saved > 0 else { return "" }
    let sizes = "\(Units.count(requested)) of \(Units.count(allocated)) bytes used on average"
    let name = SafeText.shortened(SafeText.printable(group.symbol ?? group.key), to: 60)
    let what: String
    switch result.grouping {
    case .callSite: what = "a cache of its own, or another size, would save about \(Units.bytes(saved))"
    case .cache: what = "a size class in between would save at most \(Units.bytes(saved))"
    case .size, .task, .cpu, .node, .order, .gfp, .subsystem: return ""
    }
    return "Most: \(name) (\(sizes)):\n  \(what) [estimated]; --advise simulates such changes."
  }
}
