public import KernelTypes
import Replay
public import TraceEvents

extension LifetimeAnalysis {
  /// The findings, with sites and stacks named and sorted.
  public consuming func finish(
    strings: StringInterner, stacks table: StackTable, symbols: SymbolTable? = nil
  ) -> LifetimeFindings {
    let (survivors, oldest) = survey()
    var byName: [String: LifetimeFindings.Site] = [:]
    var all = [UInt64](repeating: 0, count: LifetimeBins.count)
    var total = Amount()
    var frees: UInt64 = 0
    for index in sites.indices {
      let sums = sites[index]
      total.add(sums.total)
      frees &+= sums.frees
      let bins = Array(freesByLifetime[index * LifetimeBins.count..<(index + 1) * LifetimeBins.count])
      for bin in bins.indices { all[bin] &+= bins[bin] }
      if sums.total.objects == 0, sums.live.objects == 0, sums.frees == 0 { continue }
      let key = sums.site == .none ? "(no call site said)" : strings.string(sums.site)
      // Different texts are different sites; only the ones without a text could meet here.
      byName[key] = LifetimeFindings.Site(
        key: key, symbol: symbols?.describe(callSite: key), total: sums.total, frees: sums.frees,
        freesOnOtherCPU: sums.freesOnOtherCPU, live: sums.live, peakLiveBytes: sums.peakLiveBytes,
        freesByLifetime: bins, lifetimeSum: sums.lifetimeSum, survivors: survivors[index], oldestAge: oldest[index])
    }
    let named = namedStacks(strings, table)
    return LifetimeFindings(
      sites: byName.values.sorted { ($1.total.allocatedBytes, $0.key) < ($0.total.allocatedBytes, $1.key) },
      freesByLifetime: all, bytesByLifetime: bytesByLifetime, total: total, live: liveSum, frees: frees,
      timeline: timeline.moments, stacks: Array(named.prefix(Self.stackLimit)),
      stacksOmitted: max(named.count - Self.stackLimit, 0), span: span)
  }

  private var span: UInt64 { lastTime - min(openTime ?? lastTime, lastTime) }

  /// What is live at the end, by site: by slice of the window if allocated inside it, and the oldest object's age.
  private func survey() -> (survivors: [[Amount]], oldest: [UInt64]) {
    let none = [Amount](repeating: Amount(), count: Self.slices)
    var survivors = [[Amount]](repeating: none, count: sites.count)
    var oldest = [UInt64](repeating: 0, count: sites.count)
    let start = openTime ?? lastTime
    let slice = max(span / UInt64(Self.slices) + 1, 1)
    let end = lastTime
    live.forEach { _, object in
      let site = Int(object.site)
      oldest[site] = max(oldest[site], end - min(object.time, end))
      if !object.isInside { return }
      let index = Int(clamping: (object.time - min(start, object.time)) / slice)
      survivors[site][min(index, Self.slices - 1)].addObject(object.requestedBytes, object.allocatedBytes)
    }
    return (survivors, oldest)
  }

  private func namedStacks(_ strings: StringInterner, _ table: StackTable) -> [LifetimeFindings.Stack] {
    var merged: [[String]: LifetimeFindings.Stack] = [:]
    for index in stacks.indices where stacks[index].total.objects > 0 || stacks[index].live.objects > 0 {
      // Calls from different places in a function are one caller here.
      let frames = table[StackID(rawValue: UInt32(index))].reversed().map { frame in
        String(strings.string(frame).prefix { $0 != "+" })
      }
      var stack = merged[frames] ?? LifetimeFindings.Stack(frames: frames, total: Amount(), live: Amount())
      stack.total.add(stacks[index].total)
      stack.live.add(stacks[index].live)
      merged[frames] = stack
    }
    return merged.values.sorted { left, right in
      if left.live.allocatedBytes != right.live.allocatedBytes {
        return left.live.allocatedBytes > right.live.allocatedBytes
      }
      if left.total.allocatedBytes != right.total.allocatedBytes {
        return left.total.allocatedBytes > right.total.allocatedBytes
      }
      return left.frames.lexicographicallyPrecedes(right.frames)
    }
  }
}
