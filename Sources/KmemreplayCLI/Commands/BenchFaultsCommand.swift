import ArgumentParser
import KernelTypes
import MemoryModels
import Reports

/// `bench-faults`: how many page faults a second the model of virtual memory handles. For Tools/Bench.
struct BenchFaultsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-faults",
    abstract: "Times the model's page faults: anonymous, copy on write, files, and a sparse address space.",
    discussion: "Example: kmemreplay bench-faults --megabytes 2048",
    shouldDisplay: false)

  @Option(name: .long, help: "Memory that each pass touches, in MiB.")
  var megabytes = 1024

  func validate() throws {
    if !(16...8192).contains(megabytes) { throw ValidationError("--megabytes must be 16 to 8192.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    var table = TextTable([.init("Pass", isNumber: false), .init("Faults"), .init("M faults/s"), .init("ns/fault")])
    let bytes = UInt64(megabytes) << 20
    var policy = VirtualMemoryPolicy()
    policy.hugePages = .never
    policy.overcommit = .always
    let supply = PhysicalSupply(profile: KernelProfile(), totalBytes: bytes * 3)
    let memory = VirtualMemory(policy: policy, supply: supply)
    guard let space = memory.addProcess(100, name: "bench"),
      let start = try? memory.map(space, MapRequest(bytes: bytes, flags: [.read, .write]))
    else { throw CommandFailure("the modelled machine has no room for \(megabytes) MiB") }
    func pass(
      _ name: String, _ space: AddressSpace, _ address: UInt64, _ count: UInt64, step: UInt64, _ code: FaultCode
    ) {
      let before = space.minorFaults + space.majorFaults
      let clock = ContinuousClock()
      let time = clock.measure {
        for index in 0..<count { _ = memory.fault(space, at: address + index * step, code: code) }
      }
      let faults = space.minorFaults + space.majorFaults - before
      let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
      table.add([
        name, Units.count(faults), Units.fixed(Double(faults) / seconds / 1e6, places: 2),
        Units.fixed(seconds * 1e9 / Double(max(faults, 1)), places: 0),
      ])
    }
    let pages = bytes >> 12
    pass("anonymous, write", space, start, pages, step: 4096, [.user, .write])
    if let child = try? memory.fork(space, pid: 101) {
      pass("copy on write", child, start, pages, step: 4096, [.user, .write, .protection])
      memory.exit(child)
    }
    try? memory.unmap(space, start, bytes)
    let file = memory.addFile("file", bytes: bytes)
    memory.cache(file, pages: 0..<pages)
    if let mapped = try? memory.map(space, MapRequest(bytes: bytes, flags: .read, file: file)) {
      pass("file, sixteen pages a fault", space, mapped, pages / 16, step: 65536, .user)
    }
    if let sparse = try? memory.map(space, MapRequest(bytes: 1 << 40, flags: [.read, .write])) {
      let touches = min(pages / 2, 1 << 16)
      pass("sparse, 1 TiB", space, sparse, touches, step: (1 << 40) / touches, [.user, .write])
    }
    try environment.output.write(
      "a modelled machine of \(Units.bytes(bytes * 3)), frames from its buddy allocator\n" + table.text())
    return .done
  }
}
