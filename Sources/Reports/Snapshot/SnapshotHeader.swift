import Analysis
import KernelTypes
import ProcSnapshots

/// The part that JSON documents about snapshots share, with the keys that documents about traces have.
struct SnapshotHeader: Encodable {
  struct Tool: Encodable {
    var version = ToolVersion.current
  }

  struct Input: Encodable {
    var name: String
    var container = "snapshot"
    /// Of all files, unpacked.
    var bytes: Int
  }

  struct Profile: Encodable {
    var kernel: String?
    var release: String?
    var pageSize: Int
    var cpus: Int?
    var slabAllocator: String?
    var assumed: [String]
  }

  struct Quality: Encodable {
    struct Sample: Encodable {
      var file: String
      var line: Int
      var text: String
      var expected: String
    }

    struct Unusable: Encodable {
      var file: String
      var reason: String
    }

    var files: [String]
    var missing: [String]
    var unusable: [Unusable]
    var malformedLines: Int
    var cutShort: [String]
    var archiveError: String?
    var samples: [Sample]
  }

  let schema: String
  let tool = Tool()
  let input: Input
  let profile: Profile
  let quality: Quality

  init(_ findings: SnapshotFindings, command: String) {
    let snapshot = findings.snapshot
    schema = "kmemreplay.\(command)/1"
    input = Input(name: snapshot.name, bytes: snapshot.byteCount)
    let machine = findings.machine
    profile = Profile(
      kernel: machine.kernel?.description, release: machine.release, pageSize: machine.pageSize, cpus: machine.cpuCount,
      slabAllocator: machine.slabAllocator, assumed: machine.assumed)
    let damaged = SnapshotFileKind.allCases.compactMap { kind in snapshot.present[kind].map { (kind, $0) } }
    quality = Quality(
      files: damaged.map(\.0.rawValue), missing: snapshot.missing.map(\.rawValue),
      unusable: snapshot.unusable.map { .init(file: $0.kind.rawValue, reason: $0.error.description) },
      malformedLines: damaged.reduce(0) { $0 + $1.1.linesLeftOut },
      cutShort: damaged.filter(\.1.isCutShort).map(\.0.rawValue), archiveError: snapshot.archiveError?.description,
      samples: damaged.flatMap { kind, damage in
        damage.samples.map {
          .init(file: kind.rawValue, line: $0.line, text: SafeText.printable($0.found), expected: $0.expected)
        }
      })
  }
}
