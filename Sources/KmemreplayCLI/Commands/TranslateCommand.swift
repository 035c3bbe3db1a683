import Analysis
import ArgumentParser
import KernelTypes
import MemoryModels
import Reports

/// `translate`: one walk through page tables, level by level.
struct TranslateCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "translate",
    abstract:
      "How one address is translated: every table entry on the way, its bits by name, and the fault if there is one.",
    discussion: """
      Example: kmemreplay translate 7f1234567abc --map 7f1234567000=12345000:4K:ru --access write

      Example: kmemreplay translate data+0x1000 --scenario SampleTraces/scenarios/copy-on-write.scenario --process parent

      The tables are made from the mappings given, or read from a text file with words of physical memory (--tables), or \
      they are those of a process when a scenario is over (--scenario). With --selector, the address is an offset in an \
      IA-32 segment.
      """)

  @Argument(
    help:
      "The virtual address, in hexadecimal; with --selector, the offset in the segment; with --scenario, also a region."
  )
  var address: AddressArgument

  @OptionGroup(title: "Tables") var options: TranslationOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  @Option(name: .long, help: "What is done with the address.")
  var access: AccessOption = .read

  @Flag(name: .long, help: "The kernel does it, not a program.")
  var kernelMode = false

  @Option(
    name: .long,
    help: ArgumentHelp(
      "IA-32: the segment's selector, in hexadecimal. Descriptors are the dump's, or Linux's flat ones (73 and 7b are user code and data).",
      valueName: "hex"))
  var selector: Hexadecimal?

  @Flag(name: .long, help: "IA-32: the selector is in SS.")
  var stack = false

  func validate() throws {
    try output.require([.text, .json, .markdown], command: "translate")
    if let selector, selector.value >> 16 != 0 { throw ValidationError("--selector has 16 bits.") }
    if stack, selector == nil { throw ValidationError("--stack is about --selector; give one.") }
    if address.value == nil, options.scenario == nil {
      throw ValidationError("\(address.text) is no address; expected hexadecimal such as 7f1234567abc.")
    }
    if selector != nil, options.scenario != nil { throw ValidationError("Programs of scenarios have flat segments.") }
    if stack, access == .execute { throw ValidationError("A stack segment is never executed.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: options.tables ?? options.scenario ?? "")
    let findings = TranslationFindings(try request())
    let report = TranslationReport(findings: findings)
    try destination.write(report, as: output.format)
    if !findings.lacksTables { return .done }
    try? environment.errors.write("kmemreplay: the dump lacks a table that the walk needs\n")
    return .failed
  }

  private func request() throws -> TranslationRequest {
    if let path = options.scenario { return try scenarioRequest(path) }
    guard let address = address.value else { throw CommandFailure("\(SafeText.printable(address.text)) is no address") }
    // ARM64's second base register translates addresses that begin with ones.
    let half: TranslationScheme.Half = address >> 63 != 0 ? .high : .low
    let who = MemoryAccess(access.kind, isUser: !kernelMode)
    var request: TranslationRequest
    if let path = options.tables {
      let dump = try read(path, half)
      guard let root = options.root?.value ?? dump.root else {
        throw CommandFailure(
          "\(SafeText.printable(path)): doesn't say where the first table is; expected a line such as `root 1000`, or --root"
        )
      }
      request = TranslationRequest(
        address: address, access: who, descriptors: dump.descriptors, scheme: dump.scheme,
        controls: options.controls, root: base(root, dump.scheme), memory: dump.image, source: path)
    } else {
      request = try made(address, half, who)
    }
    if let selector {
      if request.scheme.virtualAddressBits != 32 || request.scheme.format == .armShort {
        throw CommandFailure("--selector needs ia32 or pae: \(request.scheme.name) has no segments")
      }
      if request.descriptors.isEmpty { request.descriptors = .linuxIA32 }
      request.segment = LogicalAddress(
        selector: SegmentSelector(UInt16(truncatingIfNeeded: selector.value)), currentPrivilege: kernelMode ? 0 : 3,
        register: stack ? .stack : access == .execute ? .code : .data)
    }
    return request
  }

  /// Runs a scenario and takes the tables that it leaves.
  private func scenarioRequest(_ path: String) throws -> TranslationRequest {
    let runner = try ScenarioCommand.runner(try TextFile.read(path, upTo: Scenario.sizeLimit), path)
    do throws(ScenarioError) {
      _ = try runner.run()
    } catch {
      throw ScenarioCommand.failure(path, error)
    }
    do throws(ScenarioPlaceError) {
      var request = try runner.translation(
        of: address.text, MemoryAccess(access.kind, isUser: !kernelMode), processName: options.process,
        controls: options.controls)
      request.source = path
      return request
    } catch {
      throw CommandFailure("\(SafeText.printable(path)): \(SafeText.printable(error.description))")
    }
  }

  /// The address in a base register's value.
  private func base(_ value: UInt64, _ scheme: TranslationScheme) -> UInt64 {
    switch scheme.format {
    case .ia32, .pae, .x86_64: ControlRegisters.TableBase(rawValue: value).address(scheme)
    case .armShort: value & 0xFFFF_C000
    case .arm64: value & 0x0000_FFFF_FFFF_FFFE
    }
  }

  private func read(_ path: String, _ half: TranslationScheme.Half) throws -> TableDump {
    let bytes = try TextFile.read(path)
    let chosen = options.scheme.flatMap { TranslationScheme(named: $0, half: half) }
    do throws(TableDumpError) {
      return try TableDump(parsing: bytes, scheme: chosen, half: half)
    } catch {
      throw CommandFailure(SafeText.printable("\(path): \(error)"))
    }
  }

  /// Makes tables from the mappings.
  private func made(_ address: UInt64, _ half: TranslationScheme.Half, _ who: MemoryAccess) throws -> TranslationRequest
  {
    guard let scheme = TranslationScheme(named: options.schemeName, half: half) else {
      throw CommandFailure("there is no scheme \(options.schemeName)")
    }
    var frames = FrameSequence(from: PageFrame(1))
    guard let table = PageTable(scheme, controls: options.controls, frames: &frames) else {
      throw CommandFailure("there is no frame for the first table")
    }
    for mapping in options.map {
      let attributes = PageAttributes(
        mapping.permissions, isGlobal: mapping.isGlobal, isDirty: mapping.permissions.contains(.write))
      do throws(MappingError) {
        try table.map(mapping.address, to: mapping.physical, bytes: mapping.bytes, attributes, frames: &frames)
      } catch {
        let sizes = scheme.pageSizes.map { Units.bytes($0.bytes) }.joined(separator: ", ")
        throw CommandFailure("--map: \(error) (\(scheme.name) has pages of \(sizes))")
      }
    }
    return TranslationRequest(
      address: address, access: who, scheme: scheme, controls: options.controls, root: table.rootAddress,
      memory: table.image, tablePages: table.tablePages)
  }
}
