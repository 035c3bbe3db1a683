import KernelTypes
import MemoryModels

/// What the replay knows of one task.
final class FaultTask {
  /// A fault whose allocations are still being collected.
  struct Window {
    var address: UInt64
    var code: FaultCode
    /// What the model says it is; `nil` if it knows no mapping there.
    var outcome: FaultOutcome?
    /// Tables that the model added for it, in order.
    var additions: [TableAddition]
    var frames = 0
    var isZeroed = false
    var firstFrame: UInt64 = 0
    var tables: [UInt64] = []
    /// Resident pages before the fault.
    var residentBefore: SIMD4<Int>
    var isInside: Bool
    /// The CPU it happened on.
    var processor: Int
  }

  /// What fork and execve have done so far.
  struct Copying {
    var areas = 0
    var tables: [UInt64] = []
    var resident = SIMD4<Int>(repeating: -1)
  }

  struct Executing {
    var tables = 0
    var frames: [UInt64] = []
  }

  var pid: Int
  var comm: StringID
  var space: AddressSpace
  var isKnown: Bool
  var parent: Int?
  var tally = FaultReplayOutcome.Tally()
  var window: Window?
  var copying: Copying?
  var executing: Executing?
  /// Pages by kind that the kernel counts and no entry shows, such as those execve prepared; below zero, entries of
  /// pages that a counter told are unmapped, without saying which.
  var unseen = SIMD4<Int>(repeating: 0)
  /// What the process had after its last fault: when it ends, its pages go before anything tells that it does.
  var lastResident: SIMD4<Int>?
  var lastTables: [Int] = []
  /// Mappings that only faults told of, by their start: the generation in which a fault last confirmed each.
  var inferred: [UInt64: Int] = [:]
  /// How many mappings the task has made since it was first seen; each may have replaced what was inferred.
  var generation = 0
  /// The memory call that the task is in.
  var call: MemoryCall?

  init(pid: Int, comm: StringID, space: AddressSpace, isKnown: Bool) {
    self.pid = pid
    self.comm = comm
    self.space = space
    self.isKnown = isKnown
  }
}

/// A system call that changes an address space, between its entry and its return.
struct MemoryCall {
  var name: StringID
  var address: UInt64
  var length: UInt64
  var third: UInt64
  var flags: UInt8
  var descriptor: Int16
}
