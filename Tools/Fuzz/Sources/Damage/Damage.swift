import Glibc
import KernelTypes
import TraceEvents
import TraceInput

/// Reads damaged copies of a trace, one after the other, and prints a line about each: `Tools/Fuzz/damage` runs it.
///
/// Arguments are the file, the kind of damage, the number of the first copy, and how many. A line begins with the copy's
/// number before it is read, so that who reads along knows which one ended the process.
@main
struct Damage {
  private enum Kind: String {
    /// As it is.
    case none
    /// Cut at each 4 KiB.
    case page
    /// Cut anywhere.
    case cut
    /// One byte altered.
    case flip
  }

  /// Seconds after which a copy counts as one that never ends.
  private static let patience: UInt32 = 20

  private let bytes: [UInt8]
  private let copy: String
  private let descriptor: Int32

  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count == 5, let kind = Kind(rawValue: arguments[2]), let first = Int(arguments[3]),
      let count = Int(arguments[4]), let bytes = read(arguments[1]), let damage = Damage(bytes)
    else {
      print("usage: Damage FILE none|page|cut|flip FIRST COUNT")
      exit(64)
    }
    defer { unlink(damage.copy) }
    // Where the events of the whole file are, to know which ones lie before a cut.
    let honest = damage.attempt()
    let positions = honest.isInBytes ? honest.positions.sorted() : []
    for number in first..<first + count {
      guard let place = damage.apply(kind, number) else { break }
      say("\(number)")
      let got = damage.attempt()
      damage.restore(kind, place)
      var wanted = honest.events
      if kind == .page || kind == .cut {
        wanted = honest.isInBytes ? positions.lowerBound(of: UInt64(place)) : -1
      }
      let isSilent = got.events < honest.events && !got.isRefused && !got.isNamed
      say(
        " \(got.isRefused ? "refused" : "read") \(got.events) \(wanted) \(got.peakKilobytes) "
          + "\(isSilent ? "silent" : "named") \(place)\n")
    }
  }

  private init?(_ bytes: [UInt8]) {
    self.bytes = bytes
    copy = "/dev/shm/kmemreplay-damage-\(getpid())"
    descriptor = open(copy, O_RDWR | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0 else { return nil }
    write(0, bytes.count)
  }

  private static func read(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      if count == 0 { return bytes.isEmpty ? nil : bytes }
      bytes += piece[..<count]
    }
  }

  private static func say(_ text: String) {
    var text = text
    text.withUTF8 { bytes in _ = Glibc.write(STDOUT_FILENO, bytes.baseAddress, bytes.count) }
  }

  private func write(_ start: Int, _ end: Int) {
    bytes.withUnsafeBytes { all in
      guard let base = all.baseAddress else { return }
      _ = pwrite(descriptor, base + start, end - start, off_t(start))
    }
  }

  /// Damages the copy; returns where, or `nil` if there is no such number.
  private func apply(_ kind: Kind, _ number: Int) -> Int? {
    // SplitMix64 of the number, so that each copy can be made again.
    var random = (UInt64(number) &+ 1) &* 0x9E37_79B9_7F4A_7C15
    random = (random ^ random >> 30) &* 0xBF58_476D_1CE4_E5B9
    random = (random ^ random >> 27) &* 0x94D0_49BB_1331_11EB
    random ^= random >> 31
    var place = Int(random >> 8 % UInt64(bytes.count))
    switch kind {
    case .none: break
    case .page:
      place = (number + 1) * 4096
      if place >= bytes.count { return nil }
      ftruncate(descriptor, off_t(place))
    case .cut: ftruncate(descriptor, off_t(place))
    case .flip:
      var byte = bytes[place] ^ UInt8(random & 0xFF == 0 ? 0x80 : random & 0xFF)
      pwrite(descriptor, &byte, 1, off_t(place))
    }
    return place
  }

  private func restore(_ kind: Kind, _ place: Int) {
    switch kind {
    case .none: break
    case .page, .cut: write(place, bytes.count)
    case .flip: write(place, place + 1)
    }
  }

  private struct Outcome {
    var events = 0
    var positions: [UInt64] = []
    var isInBytes = false
    var isRefused = false
    /// Whether anything says that something is wrong.
    var isNamed = false
    var peakKilobytes = 0
  }

  /// Reads the copy as the tool does.
  private func attempt() -> Outcome {
    var outcome = Outcome()
    trimMemory(0)
    // Begins the peak of the memory anew.
    if let file = fopen("/proc/self/clear_refs", "w") {
      fputs("5", file)
      fclose(file)
    }
    alarm(Self.patience)
    do {
      let source = try TraceInput.open(path: copy)
      outcome.isInBytes = true
      var batch = EventBatch()
      do {
        while try source.read(into: &batch) {
          outcome.events += batch.count
          if outcome.positions.count < 1 << 20 {
            for row in 0..<batch.count { outcome.positions.append(batch.position[row]) }
          }
        }
      } catch {
        outcome.isNamed = true
      }
      let statistics = source.statistics
      _ = source.context
      outcome.isInBytes = statistics.unit == .record
      for counter in ImportStatistics.Counter.allCases where statistics[counter] > 0 {
        if counter.severity != .information { outcome.isNamed = true }
      }
    } catch {
      outcome.isRefused = true
    }
    alarm(0)
    outcome.peakKilobytes = Self.peakKilobytes()
    return outcome
  }

  private static func peakKilobytes() -> Int {
    guard let file = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("VmHWM:") { return text.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0 }
    }
    return 0
  }
}

/// glibc's `malloc_trim`, which its module does not show: gives memory that is free back to the system.
@_silgen_name("malloc_trim")
@discardableResult
private func trimMemory(_ kept: Int) -> Int32

extension [UInt64] {
  /// How many elements of a sorted array are less than `value`.
  fileprivate func lowerBound(of value: UInt64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
