// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the tool's packages need no sanitizer. The folders in Sources are links to the tool's.
// With FUZZ_PLAIN in the environment there is no sanitizer, so that `Damage` measures the memory and time of the tool.
let isPlain = Context.environment["FUZZ_PLAIN"] != nil
let settings: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (isPlain ? [] : [.unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library", "-enable-testing"])])

let program: Target =
  isPlain
  ? .executableTarget(
    name: "Damage", dependencies: ["TraceInput", "TraceEvents", "KernelTypes"], swiftSettings: settings)
  : .executableTarget(
    name: "Fuzz", dependencies: ["TraceInput", "TraceEvents", "KernelTypes", "ProcSnapshots"],
    swiftSettings: settings, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])])

let package = Package(
  name: "Fuzz",
  targets: [
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "KernelTypes", swiftSettings: settings),
    .target(name: "TraceEvents", dependencies: ["KernelTypes"], swiftSettings: settings),
    .target(
      name: "TraceInput", dependencies: ["TraceEvents", "KernelTypes", "CZstd", "CZlib"], swiftSettings: settings),
    .target(name: "ProcSnapshots", dependencies: ["KernelTypes", "CZstd"], swiftSettings: settings),
    program,
  ],
  swiftLanguageModes: [.v6]
)
