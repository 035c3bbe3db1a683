public import Replay

extension ReplayOutcome {
  /// What did not fit when frees were matched with allocations.
  public var pairing: PairingCounts {
    var counts = PairingCounts()
    counts.freesOfUnseen = freesOfUnseen
    counts.freesOfNull = freesOfNull
    counts.freesOfZeroSize = freesOfZeroSize
    counts.allocationsOfLive = allocationsOfLive
    counts.failedAllocations = failedAllocations
    counts.unpairedAllocations = unpairedAllocations
    counts.unpairedFrees = unpairedFrees
    return counts
  }
}
