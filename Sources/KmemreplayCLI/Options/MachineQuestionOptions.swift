import Analysis
import ArgumentParser
import MemoryModels

/// Questions about a snapshot's machine beyond its settings: who is killed early, huge pages, failing memory.
struct MachineQuestionOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Android's low-memory killer: who may die now, and with --press when; such as minfree=1536,2048,4096,16384,adj=0,1,6,12, or standard.",
      discussion: "minfree counts pages, adj is oom_score_adj, as the driver's parameters have them.",
      valueName: "levels"
    ))
  var lowMemoryKiller: KillerLevels?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "What becomes of the machine with this many huge pages, such as 64 or 16:4M (modelled).",
      valueName: "count[:size]"))
  var hugepages: HugePageRequest?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "What happens if the memory of a page frame fails, such as 0x1a2b (repeatable; needs kpageflags).",
      valueName: "frame"))
  var poison: [FrameNumber] = []

  var isEmpty: Bool { lowMemoryKiller == nil && hugepages == nil && poison.isEmpty }

  func validate() throws {
    if poison.count > 1000 { throw ValidationError("--poison takes at most 1,000 frames.") }
  }
}

/// Levels of the low-memory killer as its driver takes them: `minfree=1536,2048,adj=0,1`.
struct KillerLevels: ExpressibleByArgument {
  var killer: LowMemoryKiller

  init?(argument: String) {
    if argument == "standard" {
      killer = .standard
      return
    }
    var lists: [String: [Int]] = [:]
    var current = ""
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      var text = part
      if let equals = part.firstIndex(of: "=") {
        current = String(part[..<equals])
        guard ["minfree", "adj"].contains(current), lists[current] == nil else { return nil }
        text = part[part.index(after: equals)...]
      }
      guard !current.isEmpty, let number = Int(text), number.magnitude < 1 << 40 else { return nil }
      lists[current, default: []].append(number)
    }
    // The driver looks at no more than six, and at as many as both have.
    guard let pages = lists["minfree"], let adjustments = lists["adj"], pages.count == adjustments.count,
      (1...6).contains(pages.count), pages.allSatisfy({ $0 >= 0 }),
      adjustments.allSatisfy({ (-1000...1000).contains($0) })
    else { return nil }
    killer = LowMemoryKiller(levels: zip(pages, adjustments).map { .init(pages: $0, adjustment: $1) })
  }
}

/// A number of huge pages and their size: `64`, `16:4M`.
struct HugePageRequest: ExpressibleByArgument {
  var pages: Int
  var bytes: UInt64?

  init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let pages = Int(parts[0]), (0...1 << 30).contains(pages) else { return nil }
    self.pages = pages
    if parts.count > 1 {
      guard let size = ByteSize(argument: String(parts[1])), size.bytes > 0, size.bytes <= 1 << 40 else { return nil }
      bytes = size.bytes
    }
  }
}

/// The number of a page frame, decimal or hexadecimal with `0x`.
struct FrameNumber: ExpressibleByArgument {
  var frame: UInt64

  init?(argument: String) {
    let text = argument.lowercased()
    guard let frame = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text), frame < 1 << 52 else {
      return nil
    }
    self.frame = frame
  }
}
