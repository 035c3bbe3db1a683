import Analysis
import ArgumentParser
import KernelTypes
import MemoryModels
import ProcSnapshots
import Reports

/// `layout`: the kernel's address space.
struct LayoutCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "layout",
    abstract: "A kernel's address space: lowmem, highmem, vmalloc, modules, its image and its holes.",
    discussion: """
      Example: kmemreplay layout --arch arm --kernel 3.5 --ram 1G --vmalloc 546M
               kmemreplay layout --snapshot after.tar.zst --image System.map --allocate 100K --allocate 8M

      The areas are computed as the kernel does at boot, without randomisation. With --snapshot, /proc/vmallocinfo is put \
      into the model of the vmalloc space: its holes, its fragmentation, and how many areas lie where the model would have \
      put them. With --image, the sections of the kernel and what their alignment costs.
      """)

  @Option(name: .long, help: "The architecture (default: x86_64).")
  var arch: Architecture?

  @Option(
    name: .long, help: ArgumentHelp("The kernel's version (default: the snapshot's, or 6.1).", valueName: "version"))
  var kernel: KernelVersion?

  @Option(
    name: .long, help: ArgumentHelp("The memory, such as 512M or 1G (default: the snapshot's).", valueName: "size"))
  var ram: ByteSize?

  @Option(
    name: .long, help: ArgumentHelp("vmalloc= of the command line, such as 546M (32-bit only).", valueName: "size"))
  var vmalloc: ByteSize?

  @Option(
    name: .long,
    help: ArgumentHelp("Where the kernel's part begins (32-bit only; default: 0xC0000000).", valueName: "address"))
  var pageOffset: ByteSize?

  @Flag(name: .long, help: "A 32-bit x86 kernel with PAE.")
  var pae = false

  @Option(
    name: .long,
    help: ArgumentHelp("Bits of an address: 48 or 57 on x86_64; 39, 42, 47 or 48 on arm64.", valueName: "n"))
  var addressBits: Int?

  @Option(name: .long, help: ArgumentHelp("The number of CPUs (default: the snapshot's, or 1).", valueName: "n"))
  var cpus: Int?

  @Option(name: .long, help: ArgumentHelp("A System.map, or the output of readelf -S vmlinux.", valueName: "file"))
  var image: String?

  @Option(
    name: .long, help: ArgumentHelp("A directory of /proc files, or a .tar or .tar.zst of one.", valueName: "snapshot"))
  var snapshot: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots.", valueName: "label"))
  var label: String?

  @Option(
    name: .long,
    help: ArgumentHelp("Say where a request of this size would be served (repeatable).", valueName: "size"))
  var allocate: [ByteSize] = []

  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    try output.require([.text, .json, .markdown], command: "layout")
    if ram == nil, snapshot == nil {
      throw ValidationError("How much memory does the machine have? Give --ram, such as --ram 1G, or --snapshot.")
    }
    if label != nil, snapshot == nil { throw ValidationError("--label chooses in --snapshot; give --snapshot.") }
    if let cpus, !(1...8192).contains(cpus) {
      throw ValidationError("--cpus \(cpus) is no number of CPUs; expected 1 to 8192.")
    }
    if allocate.contains(where: { $0.bytes == 0 || $0.bytes > 1 << 62 }) {
      throw ValidationError("--allocate asks for nothing, or for more than there are addresses.")
    }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: snapshot ?? image ?? "")
    let findings = try findings()
    let report = LayoutReport(findings: findings, top: output.top)
    try destination.write(report, as: output.format)
    return .done
  }

  private func findings() throws -> LayoutFindings {
    do throws(SnapshotError) {
      let snapshot = try snapshot.map { path throws(SnapshotError) in
        try SnapshotReader.read(path: path, label: label)
      }
      let image = try image.map { path throws(SnapshotError) in try SnapshotReader.kernelImage(path: path) }
      return try findings(snapshot, image)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
  }

  private func findings(_ snapshot: Snapshot?, _ image: KernelImageFile?) throws(SnapshotError) -> LayoutFindings {
    let machine = snapshot.map { SnapshotMachine($0) }
    var assumed: [String] = []
    if arch == nil { assumed.append("architecture") }
    if kernel == nil, machine?.kernel == nil { assumed.append("kernel") }
    let architecture = arch ?? .x86_64
    let version = kernel ?? machine?.formulaKernel ?? KernelVersion(6, 1)
    let cpuCount = cpus ?? machine?.cpuCount ?? 1
    guard let memory = ram?.bytes ?? snapshot.flatMap(Self.memoryBytes) else {
      throw SnapshotError(
        .nothingFound, file: snapshot?.name ?? "", found: "neither zoneinfo nor meminfo",
        expected: "a file that tells how much memory there is", remedy: "Give --ram.")
    }
    let layout: KernelLayout
    do throws(KernelLayoutError) {
      layout = try KernelLayout(
        KernelLayout.Machine(
          kernel: version, architecture: architecture, memoryBytes: memory, vmallocBytes: vmalloc?.bytes,
          pageOffset: pageOffset?.bytes, hasLargePhysicalAddresses: pae, addressBits: addressBits,
          cpuLimit: cpus ?? machine?.cpuCount ?? 8))
    } catch {
      throw SnapshotError(.wrongKind, file: "layout", found: error.description)
    }
    let profile = KernelProfile(
      kernel: version, architecture: architecture, pageSize: machine?.pageSize ?? 4096, cpuCount: cpuCount)
    return LayoutFindings(
      layout: layout, profile: profile, image: image, snapshot: snapshot?.withoutDamagedFiles,
      requests: allocate.map(\.bytes), assumed: assumed)
  }

  /// Bytes that the zones have, or that meminfo counts.
  private static func memoryBytes(_ snapshot: Snapshot) -> UInt64? {
    let page = UInt64(SnapshotMachine(snapshot).pageSize)
    let pages = snapshot.zoneInfo?.zones.reduce(UInt64(0)) { $0 &+ UInt64(clamping: $1["present"] ?? 0) } ?? 0
    if pages > 0, pages < 1 << 40 { return pages * page }
    return snapshot.memInfo?["MemTotal"].flatMap { $0 < 1 << 42 ? $0 << 10 : nil }
  }
}
