import Analysis
import KernelTypes
import Replay

/// A value in three forms: as people read it, as scripts read it, and as it is sorted.
struct ReportCell: Sendable {
  /// With units.
  var shown: String
  /// Without units: exact integers, and plain decimals.
  var exact: String
  /// What a table is sorted by; texts are sorted as such.
  var sort: Double?
  /// The part of the largest value in its column (0 to 1), for a bar behind the text.
  var share: Double?

  static let missing = ReportCell(shown: "–", exact: "", sort: -1)

  static func text(_ text: String) -> ReportCell { ReportCell(shown: text, exact: text) }

  static func count(_ count: some BinaryInteger) -> ReportCell {
    ReportCell(shown: Units.count(count), exact: "\(count)", sort: Double(count))
  }

  static func bytes(_ bytes: UInt64) -> ReportCell {
    ReportCell(shown: Units.bytes(bytes), exact: "\(bytes)", sort: Double(bytes))
  }

  static func bytes(_ bytes: Int64) -> ReportCell {
    ReportCell(shown: Units.bytes(bytes), exact: "\(bytes)", sort: Double(bytes))
  }

  static func percent(_ percent: Double) -> ReportCell {
    ReportCell(shown: Units.percent(percent), exact: Units.fixed(percent, places: 2), sort: percent)
  }

  /// A number with one decimal.
  static func number(_ number: Double) -> ReportCell {
    let text = Units.fixed(number, places: 1)
    return ReportCell(shown: text, exact: text, sort: number)
  }

  /// An index in thousandths, as the kernel prints it.
  static func thousandths(_ value: Int) -> ReportCell {
    let text = FragmentationReport.thousandths(value)
    return ReportCell(shown: text, exact: text, sort: Double(value))
  }

  static func duration(_ time: UInt64, isTicks: Bool) -> ReportCell {
    ReportCell(shown: Units.duration(time, isTicks: isTicks), exact: "\(time)", sort: Double(time))
  }

  static func grade(_ grade: Grade?) -> ReportCell {
    guard let grade, grade.checked > 0 else { return .missing }
    return ReportCell(
      shown: Grades.percent(grade), exact: Units.fixed(grade.percent, places: 4), sort: grade.percent)
  }
}
