/// What a command found, in the forms that every command has.
public protocol CommandReport {
  /// For people at a terminal, rendered for `TextStyle.current`.
  func text() -> String
  /// GitHub-flavoured Markdown.
  func markdown() -> String
  /// Exact integers, the same bytes for the same answer.
  func json() throws -> String
}

extension CommandReport {
  /// The report as text for a file, a pipe, or a terminal.
  public func text(_ style: TextStyle) -> String { TextStyle.$current.withValue(style) { text() } }
}

extension CompareReport: CommandReport {}
extension DifferenceReport: CommandReport {}
extension FaultsReport: CommandReport {}
extension FragmentationReport: CommandReport {}
extension HistoryReport: CommandReport {}
extension InfoReport: CommandReport {}
extension LayoutReport: CommandReport {}
extension ReplayReport: CommandReport {}
extension ScenarioReport: CommandReport {}
extension SettingsWhatIfReport: CommandReport {}
extension SnapshotDifferenceReport: CommandReport {}
extension SnapshotReport: CommandReport {}
extension TranslationReport: CommandReport {}
extension WasteReport: CommandReport {}
extension WholeReport: CommandReport {}
