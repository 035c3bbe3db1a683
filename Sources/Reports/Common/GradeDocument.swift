import Analysis
import Replay

/// How often a model was right, as JSON.
struct GradeDocument: Encodable {
  var checked: UInt64
  var matched: UInt64

  init(_ grade: Grade) {
    checked = grade.checked
    matched = grade.matched
  }

  init(_ grade: FaultReplayOutcome.Grade) {
    checked = grade.checked
    matched = grade.matched
  }
}
