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

  @Option(name: .long, help: "Take the best of so many runs, each on a new machine.")
  var repetitions = 3

  func validate() throws {
    if !(16...8192).contains(megabytes) { throw ValidationError("--megabytes must be 16 to 8192.") }
    if !(1...100).contains(repetitions) { throw ValidationError("--repetitions must be 1 to 100.") }
  }

  /// What a pass took.
  private struct Pass {
    var name: String
    var faults: Int
    var seconds: Double
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    var best: [Pass] = []
    for _ in 0..<repetitions {
      for (index, pass) in try passes().enumerated() {
        if index == best.count {
          best.append(pass)
        } else if pass.seconds < best[index].seconds {
          best[index] = pass
        }
      }
    }
    var table = TextTable([.init("Pass", isNumber: false), .init("Faults"), .init("M faults/s"), .init("ns/fault")])
    for pass in best {
      table.add([
        pass.name, Units.count(pass.faults), Units.fixed(Double(pass.faults) / pass.seconds / 1e6, places: 2),
        Units.fixed(pass.seconds * 1e9 / Double(max(pass.faults, 1)), places: 0),
      ])
    }
    try environment.output.write(
      "a modelled machine of \(Units.bytes(UInt64(megabytes) << 20 * 3)), frames from its buddy allocator, best of "
        + "\(repetitions)\n" + table.text())
    return .done
  }

  private func passes() throws -> [Pass] {
    var passes: [Pass] = []
    let bytes = UInt64(megabytes) << 20
    var policy = VirtualMemoryPolicy()
    policy.hugePages = .never
    policy.overcommit = .always
    let supply = PhysicalSupply(profile: KernelProfile(), totalBytes: bytes * 3)
    let memory = VirtualMemory(policy: policy, supply: supply)
    guard let space = memory.addProcess(100, name: "bench"),
      let start = try? memory.map(space, MapRequest(bytes: bytes, flags: [.read, .write]))
    else { throw CommandFailure("the modelled machine has no room for \(megabytes) MiB") }
    func pass(_ name: String, _ space: AddressSpace, _ body: () -> Void) {
      let before = space.minorFaults + space.majorFaults
      let time = ContinuousClock().measure(body)
      passes.append(
        Pass(
          name: name, faults: space.minorFaults + space.majorFaults - before,
          seconds: Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18))
    }
    func faults(
      _ name: String, _ space: AddressSpace, _ address: UInt64, _ count: UInt64, step: UInt64, _ code: FaultCode
    ) {
      pass(name, space) {
        for index in 0..<count { _ = memory.fault(space, at: address + index * step, code: code) }
      }
    }
    let pages = bytes >> 12
    faults("anonymous, write", space, start, pages, step: 4096, [.user, .write])
    if let child = try? memory.fork(space, pid: 101) {
      faults("copy on write", child, start, pages, step: 4096, [.user, .write, .protection])
      memory.exit(child)
    }
    try? memory.unmap(space, start, bytes)
    let file = memory.addFile("file", bytes: bytes)
    memory.cache(file, pages: 0..<pages)
    if let mapped = try? memory.map(space, MapRequest(bytes: bytes, flags: .read, file: file)) {
      faults("file, sixteen pages a fault", space, mapped, pages / 16, step: 65536, .user)
    }
    if let sparse = try? memory.map(space, MapRequest(bytes: 1 << 40, flags: [.read, .write])) {
      let touches = min(pages / 2, 1 << 16)
      faults("sparse, 1 TiB", space, sparse, touches, step: (1 << 40) / touches, [.user, .write])
    }
    memory.processors = Processors(policy.scheme, Processors.Settings(policy.scheme))
    if let other = memory.addProcess(102, name: "bench"),
      let start = try? memory.map(other, MapRequest(bytes: bytes / 2, flags: [.read, .write]))
    {
      pass("anonymous, write, through a TLB", other) {
        for index in 0..<pages / 2 { memory.touch(other, start + index * 4096, isWrite: true) }
      }
    }
    return passes
  }
}
