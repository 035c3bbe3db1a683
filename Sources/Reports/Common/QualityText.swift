public import Analysis
import TraceEvents

/// Data quality in words: the section that every text and Markdown report has.
public enum QualityText {
  /// One finding; those that matter come first.
  struct Finding {
    var isSerious: Bool
    var text: String
  }

  /// The section, with its heading.
  public static func section(_ quality: DataQuality) -> String {
    let style = TextStyle.current
    var text = style.paint("Data quality:", .strong) + " " + verdict(quality) + "\n"
    for finding in findings(quality) {
      let line = style.wrapped((finding.isSerious ? "! " : "  ") + finding.text, indent: 4)
      text += (finding.isSerious ? style.paint(line, .warning) : line) + "\n"
    }
    for sample in quality.statistics.samples {
      text += "  " + SafeText.shortened(self.sample(sample), to: min((style.width ?? 118) - 2, 116)) + "\n"
    }
    return text
  }

  /// The section as a Markdown list.
  public static func markdown(_ quality: DataQuality) -> String {
    var text = "## Data quality\n\n" + verdict(quality) + "\n\n"
    for finding in findings(quality) {
      text += "- " + (finding.isSerious ? "**" + finding.text + "**" : finding.text) + "\n"
    }
    for sample in quality.statistics.samples { text += "- " + SafeText.markdown(self.sample(sample)) + "\n" }
    return text
  }

  static func sample(_ sample: ImportStatistics.Sample) -> String {
    let place =
      switch sample.location {
      case .line(let number): "line \(number)"
      case .byteOffset(let offset): "byte \(offset)"
      }
    return "e.g. \(place) (\(sample.counter.rawValue)): \(SafeText.printable(sample.text))"
  }

  static func verdict(_ quality: DataQuality) -> String {
    let statistics = quality.statistics
    let unit = statistics.unit.rawValue
    let read =
      "\(Units.count(statistics.events, "event", "events")) in \(Units.count(statistics.lines, unit, unit + "s"))"
    return quality.hasLoss ? read + ", not all of the trace" : read + ", nothing lost, nothing malformed"
  }

  static func findings(_ quality: DataQuality) -> [Finding] {
    var findings: [Finding] = []
    func add(_ count: UInt64, serious: Bool = false, _ one: String, _ many: String) {
      if count > 0 { findings.append(Finding(isSerious: serious, text: Units.count(count, one, many))) }
    }
    let statistics = quality.statistics
    add(
      statistics[.lostEvents], serious: true, "event lost by the tracer (a larger buffer loses less)",
      "events lost by the tracer (a larger buffer loses less)")
    add(
      statistics[.overwrittenEntries], serious: true, "entry overwritten before the trace was read",
      "entries overwritten before the trace was read")
    add(statistics[.truncatedEnd], serious: true, "end of the input is cut off", "ends of the input are cut off")
    let malformed = "malformed " + statistics.unit.rawValue
    add(statistics[.malformedLines], serious: true, malformed, malformed + "s")
    add(statistics[.overlongLines], serious: true, "overlong line", "overlong lines")
    add(
      statistics[.numberOverflows], serious: true, "number too large for its field", "numbers too large for their field"
    )
    add(
      statistics[.internedOverflow], serious: true, "text beyond the limit of distinct texts, named (other)",
      "texts beyond the limit of distinct texts, named (other)")
    let pairing = quality.pairing
    add(
      pairing.implausibleSizes, serious: true, "allocation of 4 GiB or more, left out",
      "allocations of 4 GiB or more, left out")
    add(
      pairing.unpairedAllocations, serious: true,
      "allocation with a placeholder pointer: counted in the total, never live",
      "allocations with placeholder pointers: counted in the total, never live")
    add(
      pairing.unpairedFrees, serious: true, "free with a placeholder pointer, which frees nothing here",
      "frees with placeholder pointers, which free nothing here")
    add(
      pairing.allocationsOfLive, serious: true,
      "allocation at an address that was still live: its free was not seen, the old object counts as gone",
      "allocations at addresses that were still live: their frees were not seen, the old objects count as gone")
    add(
      pairing.freesOfUnseen, "free of an object whose allocation was not seen",
      "frees of objects whose allocation was not seen")
    add(pairing.failedAllocations, "failed allocation", "failed allocations")
    add(pairing.freesOfNull, "free of NULL", "frees of NULL")
    add(pairing.freesOfZeroSize, "free of ZERO_SIZE_PTR", "frees of ZERO_SIZE_PTR")
    add(pairing.zeroSizeAllocations, "allocation of nothing (ZERO_SIZE_PTR)", "allocations of nothing (ZERO_SIZE_PTR)")
    add(
      statistics[.hashedPointers], "event with a hashed pointer: objects pair, pages can't be told",
      "events with hashed pointers: objects pair, pages can't be told")
    add(
      statistics[.assumedRequests],
      "allocation whose requested size the log does not have: taken to be its slot's, so that it wastes nothing",
      "allocations whose requested sizes the log does not have: taken to be their slots', so that they waste nothing")
    add(statistics[.outOfOrder], "event out of order", "events out of order")
    add(statistics[.orphanStacks], "stack trace without its event", "stack traces without their event")
    add(statistics[.unknownEvents], "event of a kind that is not used here", "events of kinds that are not used here")
    return findings
  }
}
