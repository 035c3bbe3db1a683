// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the tool's packages need no sanitizer. The folders in Sources are links to the tool's.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library", "-enable-testing"]),
]

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
    .executableTarget(
      name: "Fuzz", dependencies: ["TraceInput", "TraceEvents", "KernelTypes", "ProcSnapshots"],
      swiftSettings: settings, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])]),
  ],
  swiftLanguageModes: [.v6]
)
