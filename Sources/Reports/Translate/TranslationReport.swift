public import Analysis
import MemoryModels

/// The answer of `translate`, to be rendered.
public struct TranslationReport: Sendable {
  public var findings: TranslationFindings

  public init(findings: TranslationFindings) { self.findings = findings }

  var request: TranslationRequest { findings.request }
  var scheme: TranslationScheme { request.scheme }

  static func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  /// An entry with all its digits.
  func entry(_ raw: UInt64) -> String {
    let digits = String(raw, radix: 16)
    return "0x" + String(repeating: "0", count: scheme.entryBytes * 2 - digits.utf8.count) + digits
  }

  var verb: String {
    switch request.access.kind {
    case .read: "read"
    case .write: "write"
    case .execute: "execute"
    }
  }

  /// The answer in a sentence.
  var answer: String {
    let who = "\(verb) from \(request.access.isUser ? "user" : "kernel") mode"
    let asked =
      request.segment.map { "\(Self.hexadecimal(UInt64($0.selector.rawValue))):" } ?? ""
    let address = asked + Self.hexadecimal(request.address)
    if let fault = findings.segmentFault {
      return "\(address), \(who): \(fault.exception.rawValue), error code "
        + "\(Self.hexadecimal(UInt64(fault.errorCode))): \(fault.reason) [modelled]."
    }
    switch findings.outcome {
    case .page(let page):
      return "\(address), \(who): physical address \(Self.hexadecimal(page.physicalAddress)), in a page of "
        + "\(Units.bytes(UInt64(1) << UInt64(page.pageShift))) [modelled]."
    case .fault(let fault): return "\(address), \(who): \(faultText(fault)) [modelled]."
    case nil: return address
    }
  }

  /// What the processor reports, and why.
  func faultText(_ fault: TranslationFault) -> String {
    let reason = Self.reasonText(fault.reason)
    let table = scheme.tableName(min(fault.level, scheme.levelCount - 1))
    switch fault.exception {
    case .none: return reason + " (\(table))"
    case .generalProtection, .stackFault:
      return "\(fault.exception.rawValue), error code \(Self.hexadecimal(UInt64(fault.errorCode))): \(reason)"
    case .pageFault:
      let names = PageFaultErrorCode(rawValue: fault.errorCode).names.joined(separator: " ")
      return "#PF, error code \(Self.hexadecimal(UInt64(fault.errorCode))) (\(names)), "
        + "CR2 \(Self.hexadecimal(fault.address)): \(reason) (\(table))"
    case .dataAbort, .prefetchAbort:
      let (register, name) = statusText(fault)
      return "\(fault.exception.rawValue), \(register) \(Self.hexadecimal(UInt64(fault.errorCode))) (\(name)), "
        + "at \(Self.hexadecimal(fault.address)): \(reason) (\(table))"
    }
  }

  /// The register that has an ARM fault's status, and the status's name.
  func statusText(_ fault: TranslationFault) -> (register: String, name: String) {
    if scheme.format == .arm64 { return ("ESR.ISS", ARM64FaultStatus(rawValue: fault.errorCode).name) }
    let register = fault.exception == .prefetchAbort ? "IFSR" : "DFSR"
    return (register, ARMFaultStatus(rawValue: fault.errorCode).name)
  }

  static func reasonText(_ reason: TranslationFault.Reason) -> String {
    switch reason {
    case .notCanonical: "the address is not canonical"
    case .notPresent: "the entry is not present"
    case .reservedBits: "the entry has reserved bits set"
    case .notWritable: "the page is read-only"
    case .notReadable: "the page can't be read"
    case .notExecutable: "the page can't be executed"
    case .kernelPage: "the page is the kernel's"
    case .userPage: "the page is a user's, which the kernel may not use"
    case .protectionKey: "the page's protection key forbids it"
    case .domain: "the domain is not accessible"
    case .accessFlag: "the access flag is clear"
    case .tableUnknown: "the dump doesn't have the table"
    }
  }

  /// Where the tables come from.
  var sourceLine: String {
    var parts = ["\(scheme.levelCount) levels", "first table at " + Self.hexadecimal(request.root)]
    if let pages = request.tablePages {
      let whose = request.place.map { " of \(SafeText.printable($0.process)) (\($0.pid))" } ?? " for the mappings given"
      parts.append(Units.count(pages.reduce(0, +), "table page", "table pages") + whose)
    } else {
      parts.append(Units.count(request.memory.wordCount, "word", "words") + " of memory known")
    }
    return (request.source.map { SafeText.printable($0) + ": " } ?? "") + scheme.name + ", "
      + parts.joined(separator: ", ")
  }

  /// What the scenario and the kernel know of the address; nothing where there is no scenario.
  var placeLine: String? {
    guard let place = request.place else { return nil }
    var parts: [String] = []
    if let region = place.region {
      parts.append("region \(SafeText.printable(region)) + \(Self.hexadecimal(place.offset))")
    }
    if let area = place.area {
      parts.append(
        "mapping \(String(area.start, radix: 16))-\(String(area.end, radix: 16)) \(area.flags.permissions)")
    } else {
      parts.append("no mapping")
    }
    return (parts + ["the kernel's entry: " + Self.kernelText(place.entry)]).joined(separator: ", ") + " [modelled]"
  }

  /// What the kernel reads in an entry.
  static func kernelText(_ entry: PageEntry) -> String {
    if entry.isNone { return "none" }
    if entry.isSwap {
      return "swapped out to slot \(entry.swapSlot)" + (entry.isExclusiveSwap ? ", of this process alone" : "")
    }
    var words = [entry.isZeroPage ? "the shared page of zeros" : "a page"]
    words.append(entry.isWritable ? "writable" : "not writable")
    if entry.isDirty { words.append("dirty") }
    if entry.isAccessed { words.append("accessed") }
    if !entry.isAccessible { words.append("hidden from the processor, since the mapping allows nothing") }
    return words.joined(separator: ", ")
  }

  /// The walk, level by level.
  var stepTable: TextTable {
    var table = TextTable([
      .init("Table", isNumber: false), .init("Bits"), .init("Index"), .init("Entry at"), .init("Entry"),
      .init("Leads to", isNumber: false),
    ])
    for step in findings.steps {
      table.add([
        name(step), "\(step.addressBits.upperBound)..\(step.addressBits.lowerBound)", "\(step.walk.index)",
        Self.hexadecimal(step.walk.entryAddress), entry(step.walk.raw), target(step),
      ])
    }
    return table
  }

  /// The bits of the walk's entries by their names.
  var bitTable: TextTable {
    var table = TextTable([
      .init("Entry of", isNumber: false), .init("Bits that are set", isNumber: false, limit: 100),
    ])
    for step in findings.steps {
      table.add([name(step), step.layout.words(step.walk.raw).joined(separator: " ")])
      guard let copy = step.linuxCopy else { continue }
      let words = TranslationScheme.linuxARMLayout.words(copy).joined(separator: " ")
      table.add(["Linux's copy", "\(entry(copy)) at \(Self.hexadecimal(step.walk.entryAddress - 2048)): \(words)"])
    }
    return table
  }

  private func name(_ step: TranslationFindings.Step) -> String { "\(step.tableName) (\(step.linuxName))" }

  /// What an entry leads to.
  private func target(_ step: TranslationFindings.Step) -> String {
    switch step.layout.kind {
    case .absent: return "nothing"
    case .table:
      let next = findings.steps.first { $0.walk.level == step.walk.level + 1 }
      return "a table"
        + (next.map { " at " + Self.hexadecimal($0.walk.entryAddress - UInt64($0.walk.index * scheme.entryBytes)) }
          ?? "")
    case .page, .block:
      guard let page = findings.outcome?.page else { return "a page" }
      let mask = (UInt64(1) << UInt64(page.pageShift)) - 1
      return "a page at " + Self.hexadecimal(page.physicalAddress & ~mask)
    }
  }

  /// Facts beside the walk.
  var facts: [String] {
    var facts: [String] = []
    if let segment = request.segment {
      let selector = segment.selector
      facts.append(
        "Selector \(Self.hexadecimal(UInt64(selector.rawValue))): entry \(selector.index) of the "
          + "\(selector.isLocal ? "local" : "global") table, RPL \(selector.requestedPrivilege); CPL "
          + "\(segment.currentPrivilege), used for \(segment.register.rawValue).")
    }
    if let descriptor = findings.descriptor, let linear = findings.linearAddress {
      facts.append("Descriptor \(Self.hexadecimal(descriptor.rawValue)): \(descriptor).")
      facts.append("Linear address: \(Self.hexadecimal(linear)).")
    }
    if let page = findings.outcome?.page, let linear = findings.linearAddress {
      let mask = (UInt64(1) << UInt64(page.pageShift)) - 1
      facts.append(
        "Offset in the page: \(Self.hexadecimal(linear & mask)). Rights: user \(Self.rights(page.rights, shift: 0)), "
          + "kernel \(Self.rights(page.rights, shift: 3)).")
    }
    if let pages = request.tablePages {
      let byLevel = pages.enumerated().map { "\(scheme.linuxName($0.offset)) \($0.element)" }.joined(separator: ", ")
      facts.append("Table pages by level: \(byLevel).")
    }
    return facts
  }

  static func rights(_ rights: AccessRights, shift: UInt8) -> String {
    let own = rights.rawValue >> shift
    return (own & 1 != 0 ? "r" : "-") + (own & 2 != 0 ? "w" : "-") + (own & 4 != 0 ? "x" : "-")
  }

  /// How far the answer can be trusted.
  var quality: String {
    findings.lacksTables
      ? "Data quality: the dump lacks a table that the walk needs; list any word of it"
      : "Data quality: all tables that the walk needs are known"
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text = ReportHeading.text(answer, ([sourceLine] + [placeLine].compactMap { $0 }).joined(separator: "\n"))
    if !findings.steps.isEmpty { text += stepTable.text() + "\n" + bitTable.text() + "\n" }
    for fact in facts { text += fact + "\n" }
    return text + (facts.isEmpty ? "" : "\n") + quality + "\n"
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Translation of \(Self.hexadecimal(request.address))\n\n" + SafeText.markdown(answer) + "\n\n"
    text += SafeText.markdown(sourceLine) + (placeLine.map { "  \n" + SafeText.markdown($0) } ?? "") + "\n\n"
    if !findings.steps.isEmpty { text += stepTable.markdown() + "\n" + bitTable.markdown() + "\n" }
    for fact in facts { text += "- " + SafeText.markdown(fact) + "\n" }
    return text + (facts.isEmpty ? "" : "\n") + quality + "\n"
  }
}
