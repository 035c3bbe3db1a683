import ArgumentParser

/// The memory nodes of the machine that models run on.
struct MemoryNodeOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Memory nodes of the machine; its CPUs are divided evenly among them, in order (default: 1).", valueName: "n"))
  var nodes: Int?

  func validate() throws {
    if let nodes, !(1...1024).contains(nodes) { throw ValidationError("--nodes must be 1 to 1024.") }
  }
}
