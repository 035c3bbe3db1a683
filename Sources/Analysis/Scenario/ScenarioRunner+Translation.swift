public import MemoryModels

/// Where a scenario has an address that is translated, and what the kernel knows of it.
public struct ScenarioPlace: Hashable, Sendable {
  public var process: String
  public var pid: Int
  /// The region that holds it by the scenario's name, and how far into it the address lies.
  public var region: String?
  public var offset: UInt64 = 0
  /// The mapping that holds it.
  public var area: VirtualMemoryArea?
  /// The kernel's entry for the page; `.none` if there is none.
  public var entry: PageEntry
  /// The page table's bytes that the kernel counts for the process (VmPTE).
  public var tableBytes: UInt64
}

/// Why a scenario has no such address.
public struct ScenarioPlaceError: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String

  init(_ description: String) { self.description = description }
}

extension ScenarioRunner {
  /// The walk for an address in a process as the scenario left it, by its page tables.
  ///
  /// `place` is an address in hexadecimal, or a region's name, with `+` and an offset in hexadecimal if it is not the
  /// first byte. Without `processName` the scenario has to leave one process alive.
  public func translation(
    of place: String, _ access: MemoryAccess, processName: String?, controls: TranslationControls
  ) throws(ScenarioPlaceError) -> TranslationRequest {
    let alive = order.filter { processes[$0].map { machine().spaces[$0.pid] != nil } ?? false }
    let known = alive.isEmpty ? "none" : alive.prefix(20).joined(separator: ", ")
    guard let name = processName ?? (alive.count == 1 ? alive[0] : nil) else {
      throw ScenarioPlaceError("which process? Give --process; alive at the end: \(known)")
    }
    guard let process = processes[name], let space = machine().spaces[process.pid] else {
      throw ScenarioPlaceError("no process `\(name)` is alive at the end; alive: \(known)")
    }
    let address = try address(place, process)
    let table = space.table
    var found = ScenarioPlace(
      process: name, pid: process.pid, area: space.areas.area(at: address), entry: space.entry(at: address),
      tableBytes: space.pageTableBytes)
    let regions = process.regions.filter { address >= $0.value.start && address - $0.value.start < $0.value.bytes }
    if let region = regions.min(by: { ($0.value.bytes, $0.key) < ($1.value.bytes, $1.key) }) {
      found.region = region.key
      found.offset = address - region.value.start
    }
    var request = TranslationRequest(
      address: address, access: access, scheme: table.scheme, controls: controls, root: table.rootAddress,
      memory: table.image, tablePages: table.tablePages)
    request.place = found
    return request
  }

  private func address(_ text: String, _ process: Process) throws(ScenarioPlaceError) -> UInt64 {
    let parts = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    func hexadecimal(_ digits: Substring) -> UInt64? {
      let rest = digits.hasPrefix("0x") || digits.hasPrefix("0X") ? digits.dropFirst(2) : digits
      return rest.allSatisfy(\.isHexDigit) ? UInt64(rest, radix: 16) : nil
    }
    if let first = parts.first, let region = process.regions[String(first)] {
      if parts.count == 1 { return region.start }
      if let offset = hexadecimal(parts[1]), offset < region.bytes { return region.start + offset }
      throw ScenarioPlaceError(
        "`\(parts[1])` is no offset in `\(first)`; expected hexadecimal below 0x\(String(region.bytes, radix: 16))")
    }
    if parts.count == 1, let address = hexadecimal(parts[0]) { return address }
    let regions = process.regions.keys.sorted().joined(separator: ", ")
    throw ScenarioPlaceError(
      "`\(text)` is neither an address in hexadecimal nor a region of `\(process.name)`, which has \(regions)")
  }
}
