import Analysis
import MemoryModels

/// The JSON of `translate`: addresses and entries are hexadecimal strings.
struct TranslationDocument: Encodable {
  struct Tool: Encodable {
    var version = ToolVersion.current
  }

  struct Input: Encodable {
    var name: String?
    var container: String
    var words: Int
  }

  struct Profile: Encodable {
    var scheme: String
    var levels: Int
    var pageSize: UInt64
    var virtualAddressBits: Int
    var physicalAddressBits: Int
  }

  struct Quality: Encodable {
    var lacksTables: Bool
  }

  struct Request: Encodable {
    var address: String
    var access: String
    var mode: String
  }

  struct Segment: Encodable {
    struct Fault: Encodable {
      var exception: String
      var errorCode: Int
      var reason: String
    }

    var selector: String
    var currentPrivilege: Int
    var register: String
    var descriptor: String?
    var base: String?
    var limit: String?
    var fault: Fault?
  }

  struct Field: Encodable {
    var name: String
    var bit: Int
    var width: Int
    var value: String
  }

  struct Step: Encodable {
    var level: Int
    var table: String
    var linuxTable: String
    var highBit: Int
    var lowBit: Int
    var index: Int
    var entryAddress: String
    var entry: String
    var kind: String
    var fields: [Field]
    var linuxEntry: String?
  }

  struct Page: Encodable {
    var bytes: UInt64
    var userRights: String
    var kernelRights: String
    var isGlobal: Bool
  }

  struct Fault: Encodable {
    var exception: String
    var errorCode: Int
    var errorCodeNames: [String]
    var reason: String
    var level: Int
    var table: String
    var address: String
  }

  struct Tables: Encodable {
    var pages: Int
    var byLevel: [Int]
  }

  let schema = "kmemreplay.translate/1"
  let tool = Tool()
  let input: Input
  let profile: Profile
  let quality: Quality
  let request: Request
  let segment: Segment?
  let linearAddress: String?
  let firstTable: String
  let steps: [Step]
  let physicalAddress: String?
  let page: Page?
  let fault: Fault?
  let pageTables: Tables?
  let scenario: Place?

  /// Where a scenario has the address.
  struct Place: Encodable {
    let process: String
    let pid: Int
    let region: String?
    let offset: String?
    let mappingStart: String?
    let mappingEnd: String?
    let permissions: String?
    /// The kernel's entry in words.
    let entry: String
    let swapSlot: Int?
    let countedTableBytes: UInt64
  }

  init(_ report: TranslationReport) {
    let findings = report.findings
    let asked = findings.request
    let scheme = asked.scheme
    let hexadecimal = TranslationReport.hexadecimal
    input = Input(
      name: asked.source,
      container: asked.place != nil ? "scenario" : asked.source == nil ? "mappings" : "table-dump",
      words: asked.memory.wordCount)
    profile = Profile(
      scheme: scheme.name, levels: scheme.levelCount, pageSize: scheme.pageBytes,
      virtualAddressBits: scheme.virtualAddressBits, physicalAddressBits: scheme.physicalAddressBits)
    quality = Quality(lacksTables: findings.lacksTables)
    request = Request(
      address: hexadecimal(asked.address), access: report.verb, mode: asked.access.isUser ? "user" : "kernel")
    segment = asked.segment.map { segment in
      Segment(
        selector: hexadecimal(UInt64(segment.selector.rawValue)), currentPrivilege: segment.currentPrivilege,
        register: segment.register.rawValue, descriptor: findings.descriptor.map { hexadecimal($0.rawValue) },
        base: findings.descriptor.map { hexadecimal(UInt64($0.base)) },
        limit: findings.descriptor.map { hexadecimal(UInt64($0.effectiveLimit)) },
        fault: findings.segmentFault.map {
          .init(exception: $0.exception.rawValue, errorCode: Int($0.errorCode), reason: $0.reason)
        })
    }
    linearAddress = findings.linearAddress.map(hexadecimal)
    firstTable = hexadecimal(asked.root)
    steps = findings.steps.map { step in
      Step(
        level: step.walk.level, table: step.tableName, linuxTable: step.linuxName,
        highBit: step.addressBits.upperBound, lowBit: step.addressBits.lowerBound, index: step.walk.index,
        entryAddress: hexadecimal(step.walk.entryAddress), entry: report.entry(step.walk.raw),
        kind: step.layout.kind.rawValue,
        fields: step.layout.decode(step.walk.raw).map { part in
          Field(name: part.field.name, bit: part.field.bit, width: part.field.width, value: hexadecimal(part.value))
        }, linuxEntry: step.linuxCopy.map(report.entry))
    }
    physicalAddress = findings.outcome?.page.map { hexadecimal($0.physicalAddress) }
    page = findings.outcome?.page.map { page in
      Page(
        bytes: 1 << UInt64(page.pageShift), userRights: TranslationReport.rights(page.rights, shift: 0),
        kernelRights: TranslationReport.rights(page.rights, shift: 3), isGlobal: page.isGlobal)
    }
    fault = findings.outcome?.fault.map { fault in
      let names: [String] =
        switch fault.exception {
        case .pageFault: PageFaultErrorCode(rawValue: fault.errorCode).names
        case .dataAbort, .prefetchAbort: [report.statusText(fault).name]
        case .generalProtection, .stackFault, .none: []
        }
      return Fault(
        exception: fault.exception.rawValue, errorCode: Int(fault.errorCode), errorCodeNames: names,
        reason: "\(fault.reason)", level: fault.level, table: scheme.tableName(min(fault.level, scheme.levelCount - 1)),
        address: hexadecimal(fault.address))
    }
    pageTables = asked.tablePages.map { Tables(pages: $0.reduce(0, +), byLevel: $0) }
    scenario = asked.place.map { place in
      Place(
        process: SafeText.printable(place.process), pid: place.pid, region: place.region.map(SafeText.printable),
        offset: place.region.map { _ in hexadecimal(place.offset) },
        mappingStart: place.area.map { hexadecimal($0.start) },
        mappingEnd: place.area.map { hexadecimal($0.end) }, permissions: place.area?.flags.permissions,
        entry: TranslationReport.kernelText(place.entry), swapSlot: place.entry.isSwap ? place.entry.swapSlot : nil,
        countedTableBytes: place.tableBytes)
    }
  }
}

extension TranslationReport {
  /// The report as JSON.
  public func json() throws -> String { try JSONReport.text(TranslationDocument(self)) }
}
