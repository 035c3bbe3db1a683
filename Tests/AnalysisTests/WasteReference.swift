import Analysis
import KernelTypes
import TestSupport
import TraceEvents

/// Waste in the plainest way: dictionaries, and a copy of all live sums at each new peak.
struct WasteReference {
  struct Object {
    var requested: UInt64
    var allocated: UInt64
    var key: String
  }

  var live: [UInt64: Object] = [:]
  var total: [String: Amount] = [:]
  var frees: [String: UInt64] = [:]
  var peak: [String: Amount] = [:]
  var peakTime: UInt64 = 0
  var peakWaste = Amount()
  var peakWasteTime: UInt64 = 0
  var pairing = PairingCounts()
  var isOpen = false

  static func sum(_ objects: some Sequence<Object>) -> Amount {
    var sum = Amount()
    for object in objects {
      sum.objects += 1
      sum.requestedBytes &+= object.requested
      sum.allocatedBytes &+= object.allocated
    }
    return sum
  }

  func liveByKey() -> [String: Amount] {
    Dictionary(grouping: live.values, by: \.key).mapValues { Self.sum($0) }
  }

  static func all(_ amounts: [String: Amount]) -> Amount { amounts.values.reduce(Amount(), +) }

  mutating func open(_ time: UInt64) {
    isOpen = true
    peak = liveByKey()
    peakTime = time
    peakWaste = Self.sum(live.values)
    peakWasteTime = time
  }

  mutating func consume(_ event: Event, key: String) {
    if event.kind.isObjectAllocation {
      allocate(event, key: key)
    } else if event.kind.isObjectFree {
      free(event)
    }
    if !isOpen { return }
    let now = Self.sum(live.values)
    if now.allocatedBytes > Self.all(peak).allocatedBytes {
      peak = liveByKey()
      peakTime = event.time
    }
    if now.wastedBytes > peakWaste.wastedBytes {
      peakWaste = now
      peakWasteTime = event.time
    }
  }

  private mutating func allocate(_ event: Event, key: String) {
    if event.flags.contains(.failed) {
      pairing.failedAllocations += 1
      return
    }
    let object = Object(requested: event.requestedBytes, allocated: event.allocatedBytes, key: key)
    if live.updateValue(object, forKey: event.address) != nil { pairing.allocationsOfLive += 1 }
    if isOpen { total[key, default: Amount()].add(Self.sum([object])) }
  }

  private mutating func free(_ event: Event) {
    if event.address == 0 {
      pairing.freesOfNull += 1
    } else if event.address == 0x10 {
      pairing.freesOfZeroSize += 1
    } else if let object = live.removeValue(forKey: event.address) {
      if isOpen { frees[object.key, default: 0] += 1 }
    } else {
      pairing.freesOfUnseen += 1
    }
  }
}
