import Analysis
import MemoryModels
import ProcSnapshots

/// What reports say to questions about a machine beside its settings.
struct MachineQuestionSection {
  let whatIf: SettingsWhatIf

  /// The answers in a sentence each.
  var answers: [String] {
    var answers: [String] = []
    if let forecast = whatIf.lowMemory { answers.append(Self.answer(forecast)) }
    if let forecast = whatIf.hugePages { answers.append(Self.answer(forecast)) }
    answers += whatIf.failures.map { Self.answer($0) }
    return answers
  }

  private static func answer(_ forecast: LowMemoryForecast) -> String {
    guard let threshold = forecast.threshold else {
      return "The low-memory killer leaves everybody alone now."
    }
    return "The low-memory killer ends the largest process of oom_score_adj \(threshold) or more now."
  }

  private static func answer(_ forecast: HugePageForecast) -> String {
    let size = Units.bytes(forecast.pageBytes)
    let got = forecast.after.total
    let pages = Units.count(UInt64(max(got, 0)), "huge page", "huge pages")
    let missing = forecast.wanted - got
    if missing > 0 { return "The pool gets \(pages) of \(size), \(Units.count(UInt64(missing))) too few." }
    if missing < 0 {
      return "The pool has to keep \(pages) of \(size), which are in use or promised."
    }
    return "The pool has \(pages) of \(size) as wanted."
  }

  private static func answer(_ failure: PageFailureForecast) -> String {
    let frame = "Frame 0x" + String(failure.frame, radix: 16)
    guard let use = failure.use, let result = failure.result else {
      return frame + (failure.isPoisoned ? " is out of use already." : ": there is no page.")
    }
    let what = "\(frame), \(words(use)): "
    switch result {
    case .recovered:
      return what
        + (failure.killed + failure.killedOnAccess > 0
          ? "taken out of use, and what it held is lost." : "taken out of use, and nothing is lost.")
    case .delayed: return what + "taken out of use, and its users lose what it held."
    case .ignored: return what + "the kernel can't do without it; it stays in use."
    case .panics: return what + "the machine stops (vm.memory_failure_recovery is 0)."
    }
  }

  private static func words(_ use: MemoryFailure.Use) -> String {
    switch use {
    case .free: "a free page"
    case .kernel: "a page of the kernel"
    case .reserved: "a reserved page"
    case .cleanFile: "a clean page of a file"
    case .dirtyFile: "a page of a file or of shared memory that is stored nowhere else"
    case .anonymous: "an anonymous page"
    case .cleanSwapCache: "an anonymous page with a copy in swap"
    case .hugeFree: "a free huge page"
    case .hugeInUse: "a huge page in use"
    }
  }

  /// Titles and tables, in the order of the answers.
  var tables: [(title: String, table: TextTable)] {
    var tables: [(String, TextTable)] = []
    if let forecast = whatIf.lowMemory { tables.append(("Low-memory killer (modelled)", table(forecast))) }
    if let forecast = whatIf.hugePages { tables.append(("Huge pages (modelled)", Self.table(forecast))) }
    if !whatIf.failures.isEmpty { tables.append(("Failing memory (modelled)", failureTable)) }
    return tables
  }

  private func table(_ forecast: LowMemoryForecast) -> TextTable {
    let press = whatIf.forecasts?.after.killerLevels
    var table = TextTable(
      [.init("processes of at least"), .init("die below, pages"), .init("pages until then")]
        + (press == nil ? [] : [.init("when one more process has")]))
    for (index, level) in forecast.levels.enumerated() {
      var row = [
        "\(level.adjustment)", Units.count(level.pages),
        forecast.pagesLeft[index] == 0 ? "reached" : Units.count(forecast.pagesLeft[index]),
      ]
      if let press {
        let bytes = press.indices.contains(index) ? press[index].bytes : nil
        row.append(bytes.map { Units.bytes($0) } ?? "never")
      }
      table.add(row)
    }
    return table
  }

  private static func table(_ forecast: HugePageForecast) -> TextTable {
    var table = TextTable([.init("Huge pages", isNumber: false), .init("Before"), .init("After")])
    func add(_ name: String, _ value: (HugePageForecast.Pool) -> Int) {
      table.add([name, Units.count(value(forecast.before)), Units.count(value(forecast.after))])
    }
    add("in the pool") { $0.total }
    add("free") { $0.free }
    add("promised") { $0.reserved }
    add("surplus") { $0.surplus }
    table.add(["free memory", Units.bytes(forecast.freeBytesBefore), Units.bytes(forecast.freeBytesAfter)])
    table.add(["taken from free blocks", "", Units.count(forecast.immediate)])
    table.add(["made by reclaim and compaction", "", Units.count(forecast.made)])
    table.add(["pages moved for them", "", Units.count(forecast.migratedPages)])
    table.add(["pages reclaimed for them", "", Units.count(forecast.reclaimedPages)])
    return table
  }

  private var failureTable: TextTable {
    var table = TextTable([
      .init("Frame", isNumber: false), .init("Zone", isNumber: false), .init("Used for", isNumber: false),
      .init("Result", isNumber: false), .init("Mappings"), .init("SIGBUS now"), .init("SIGBUS on access"),
      .init("Free block's order"),
    ])
    for failure in whatIf.failures {
      table.add([
        "0x" + String(failure.frame, radix: 16), failure.zone.map { "\($0)" } ?? "",
        failure.use?.rawValue ?? (failure.isPoisoned ? "poisoned" : "none"), failure.result?.rawValue ?? "",
        failure.mappings.map { Units.count($0) } ?? "", Units.count(failure.killed),
        Units.count(failure.killedOnAccess), failure.freeBlockOrder.map { "\($0)" } ?? "",
      ])
    }
    return table
  }
}

/// The JSON of answers to questions about a machine beside its settings.
struct MachineQuestionDocument {
  struct LowMemory: Encodable {
    struct Level: Encodable {
      var minfreePages: Int
      var oomScoreAdj: Int
      var pagesLeft: Int
      var pressBytes: UInt64?
    }

    var freePages: Int
    var filePages: Int
    var threshold: Int?
    var levels: [Level]
  }

  struct HugePages: Encodable {
    struct Pool: Encodable {
      var total: Int
      var free: Int
      var reserved: Int
      var surplus: Int

      init(_ pool: HugePageForecast.Pool) {
        total = pool.total
        free = pool.free
        reserved = pool.reserved
        surplus = pool.surplus
      }
    }

    var pageBytes: UInt64
    var wanted: Int
    var before: Pool
    var after: Pool
    var immediate: Int
    var made: Int
    var migratedPages: Int
    var reclaimedPages: Int
    var freeBytesBefore: UInt64
    var freeBytesAfter: UInt64
  }

  struct Failure: Encodable {
    var frame: String
    var node: Int?
    var zone: String?
    var use: String?
    var result: String?
    var isTakenOut: Bool
    var isPoisoned: Bool
    var mappings: Int?
    var killed: Int
    var killedOnAccess: Int
    var knownProcess: Int?
    var freeBlockOrder: Int?
    var freeBlocksBefore: [Int]?
    var freeBlocksAfter: [Int]?
  }

  let whatIf: SettingsWhatIf

  var lowMemoryKiller: LowMemory? {
    whatIf.lowMemory.map { forecast in
      let press = whatIf.forecasts?.after.killerLevels ?? []
      return LowMemory(
        freePages: forecast.freePages, filePages: forecast.filePages, threshold: forecast.threshold,
        levels: forecast.levels.enumerated().map { index, level in
          .init(
            minfreePages: level.pages, oomScoreAdj: level.adjustment, pagesLeft: forecast.pagesLeft[index],
            pressBytes: press.indices.contains(index) ? press[index].bytes : nil)
        })
    }
  }

  var hugePages: HugePages? {
    whatIf.hugePages.map {
      HugePages(
        pageBytes: $0.pageBytes, wanted: $0.wanted, before: .init($0.before), after: .init($0.after),
        immediate: $0.immediate, made: $0.made, migratedPages: $0.migratedPages, reclaimedPages: $0.reclaimedPages,
        freeBytesBefore: $0.freeBytesBefore, freeBytesAfter: $0.freeBytesAfter)
    }
  }

  var poison: [Failure]? {
    if whatIf.failures.isEmpty { return nil }
    return whatIf.failures.map {
      Failure(
        frame: "0x" + String($0.frame, radix: 16), node: $0.zone?.node, zone: $0.zone?.zone, use: $0.use?.rawValue,
        result: $0.result?.rawValue, isTakenOut: $0.isTakenOut, isPoisoned: $0.isPoisoned, mappings: $0.mappings,
        killed: $0.killed, killedOnAccess: $0.killedOnAccess, knownProcess: $0.knownProcess,
        freeBlockOrder: $0.freeBlockOrder, freeBlocksBefore: $0.freeBlocksBefore.isEmpty ? nil : $0.freeBlocksBefore,
        freeBlocksAfter: $0.freeBlocksAfter.isEmpty ? nil : $0.freeBlocksAfter)
    }
  }
}
