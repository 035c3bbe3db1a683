public import Analysis
import KernelTypes
import Replay

/// The answer of `compare` with what its reports need to know.
public struct CompareReport: Sendable {
  public var subject: ReportSubject
  public var findings: CompareFindings
  /// The most markers shown; `nil` leaves it to the format.
  public var top: Int?

  public init(subject: ReportSubject, findings: CompareFindings, top: Int? = nil) {
    self.subject = subject
    self.findings = findings
    self.top = top
  }

  func name(_ allocator: ReplayFindings) -> String { allocator.displayName }

  /// The answer in a sentence or two.
  var answer: String {
    guard let best = findings.best else { return "Nothing to compare." }
    let wasted = best.footprintWastedBytes(best.outcome.end.modelled)
    var text = "\(name(best)) holds least beyond the \(Units.bytes(best.outcome.end.modelled.live.requestedBytes)) "
    text += "requested at the end: \(Units.bytes(wasted))"
    let others = findings.allocators.filter { name($0) != name(best) }.map { other in
      "\(name(other)) \(Units.bytes(other.footprintWastedBytes(other.outcome.end.modelled)))"
    }
    if !others.isEmpty { text += "; " + others.joined(separator: ", ") }
    return text + " [modelled]."
  }

  /// How far each model can be trusted.
  var trust: [String] {
    findings.allocators.map { allocator in
      guard let grades = allocator.outcome.grades else {
        return allocator.variant != nil
          ? "\(name(allocator)): not graded, a kernel that nobody traced."
          : "\(name(allocator)): not graded, the trace does not tell what it would have done."
      }
      let address = grades.total.objectAddress
      return "\(name(allocator)): made this trace; led along it, the model named "
        + "\(Grades.percent(address)) of the \(grades.isOfSlabs ? "objects' slabs" : "addresses") on new slabs (\(Grades.fraction(address))) and "
        + "\(Grades.percent(grades.total.slabGrowth)) of the slab growths."
    }
  }
}
