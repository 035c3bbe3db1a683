import Replay

/// Which of those who broke large blocks come first.
public enum BreakerOrder: String, CaseIterable, Sendable {
  case count
  /// By the order asked for, the largest first.
  case order
  case task

  /// The breakers in this order; ties as replays give them.
  func sorted(_ breakers: [FragmentationOutcome.Breaker]) -> [FragmentationOutcome.Breaker] {
    switch self {
    // As replays give them.
    case .count: breakers
    case .order: breakers.sorted { ($1.order, $0.task) < ($0.order, $1.task) }
    case .task: breakers.sorted { $0.task < $1.task }
    }
  }
}
