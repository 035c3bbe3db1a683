import GRDB

/// The figures of earlier runs, in one SQLite file: what a trend is drawn from.
///
/// A run is a command on an input at a commit, with every sum of its report. Reading and writing go through GRDB.
public struct HistoryFile: Sendable {
  /// One earlier result.
  public struct Run: Sendable, Hashable {
    /// Counts up with each run that is kept.
    public var number: Int64
    /// Such as `waste`.
    public var command: String
    public var input: String
    /// What the user calls the state of the code; empty if they didn't say.
    public var commit: String

    public init(number: Int64 = 0, command: String, input: String, commit: String) {
      self.number = number
      self.command = command
      self.input = input
      self.commit = commit
    }
  }

  /// Why a history can't be read or written.
  public struct Failure: Error, Sendable, CustomStringConvertible {
    public var description: String

    public init(description: String) { self.description = description }
  }

  private let path: String
  private let queue: DatabaseQueue

  private static let application = 0x6B6D_6870

  /// Opens the file; makes it if `creates` says so. Throws `Failure` if it is something else or can't be opened.
  public init(path: String, creates: Bool) throws(Failure) {
    self.path = path
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(10)
      configuration.readonly = !creates
      queue = try DatabaseQueue(path: path, configuration: configuration)
      let (application, isEmpty) = try queue.read { database in
        (
          try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0,
          try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0 == 0
        )
      }
      if application != Self.application, !(isEmpty && creates) {
        throw Failure(description: "\(path): is a database, but no history of kmemreplay; name another file")
      }
      if creates { try Self.migrator.migrate(queue) }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(description: "\(path): can't be opened as a history: \(Self.reason(error))")
    }
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(sql: "PRAGMA application_id = \(application)")
      try database.create(table: "run") { table in
        table.autoIncrementedPrimaryKey("number")
        table.column("command", .text).notNull()
        table.column("input", .text).notNull()
        table.column("commit", .text).notNull()
      }
      try database.create(table: "figure") { table in
        table.column("run", .integer).notNull().references("run", onDelete: .cascade)
        table.column("path", .text).notNull()
        table.column("value", .double).notNull()
        table.primaryKey(["run", "path"])
      }
    }
    return migrator
  }

  private static func reason(_ error: any Error) -> String {
    (error as? DatabaseError).flatMap(\.message) ?? "\(error)"
  }

  /// Keeps a run with its figures, by their paths. Throws `Failure`.
  public func add(_ run: Run, figures: [String: Double]) throws(Failure) {
    do {
      try queue.write { database in
        try database.execute(
          sql: "INSERT INTO run (command, input, \"commit\") VALUES (?, ?, ?)",
          arguments: [run.command, run.input, run.commit])
        let number = database.lastInsertedRowID
        let statement = try database.makeStatement(sql: "INSERT INTO figure (run, path, value) VALUES (?, ?, ?)")
        for (path, value) in figures.sorted(by: { $0.key < $1.key }) {
          try statement.execute(arguments: [number, path, value])
        }
      }
    } catch {
      throw Failure(description: "\(path): can't be written: \(Self.reason(error))")
    }
  }

  /// The last `limit` runs of a command, oldest first. Throws `Failure`.
  public func runs(of command: String, limit: Int) throws(Failure) -> [Run] {
    try read { database in
      try Row.fetchAll(
        database, sql: "SELECT * FROM run WHERE command = ? ORDER BY number DESC LIMIT ?", arguments: [command, limit]
      ).reversed().map {
        Run(number: $0["number"], command: $0["command"], input: $0["input"], commit: $0["commit"])
      }
    }
  }

  /// The commands that have runs, and how many each. Throws `Failure`.
  public func commands() throws(Failure) -> [(command: String, runs: Int)] {
    try read { database in
      try Row.fetchAll(database, sql: "SELECT command, count(*) AS runs FROM run GROUP BY command ORDER BY command")
        .map { ($0["command"], $0["runs"]) }
    }
  }

  /// A figure of several runs; those that don't have it are left out. Throws `Failure`.
  public func figure(_ path: String, of runs: [Run]) throws(Failure) -> [Int64: Double] {
    try read { database in
      var values: [Int64: Double] = [:]
      let statement = try database.makeStatement(sql: "SELECT value FROM figure WHERE run = ? AND path = ?")
      for run in runs { values[run.number] = try Double.fetchOne(statement, arguments: [run.number, path]) }
      return values
    }
  }

  /// The paths of all figures of a run. Throws `Failure`.
  public func paths(of run: Run) throws(Failure) -> [String] {
    try read { database in
      try String.fetchAll(database, sql: "SELECT path FROM figure WHERE run = ? ORDER BY path", arguments: [run.number])
    }
  }

  private func read<Value>(_ work: (Database) throws -> Value) throws(Failure) -> Value {
    do {
      return try queue.read(work)
    } catch {
      throw Failure(description: "\(path): can't be read as a history: \(Self.reason(error))")
    }
  }
}
