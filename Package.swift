// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// One library of the pipeline: bytes → events → replay → findings → report.
func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of one library, with the helpers all test targets share.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.init(stringLiteral: name), "TestSupport"] + dependencies,
    exclude: exclude, swiftSettings: settings)
}

let package = Package(
  name: "kmemreplay",
  products: [
    .executable(name: "kmemreplay", targets: ["kmemreplay"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    library("KernelTypes"),
    library("TraceEvents", ["KernelTypes"]),
    library("TraceInput", ["TraceEvents", "KernelTypes", "CZstd", "CZlib"]),
    library("TraceOutput", ["TraceInput", "TraceEvents", "KernelTypes", "CZstd"]),
    library("ProcSnapshots", ["KernelTypes", "CZstd"]),
    library("MemoryModels", ["KernelTypes"]),
    library("Replay", ["TraceEvents", "MemoryModels", "KernelTypes"]),
    library("Analysis", ["Replay", "ProcSnapshots", "MemoryModels", "TraceEvents", "KernelTypes"]),
    library("Reports", ["Analysis", "MemoryModels", "ProcSnapshots", "Replay", "TraceEvents", "KernelTypes"]),
    library("History", [.product(name: "GRDB", package: "GRDB.swift")]),
    library(
      "KmemreplayCLI",
      [
        "History",
        "Reports", "Analysis", "Replay", "ProcSnapshots", "MemoryModels", "TraceOutput", "TraceInput",
        "TraceEvents", "KernelTypes",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "kmemreplay", dependencies: ["KmemreplayCLI"], swiftSettings: settings),
    .target(
      name: "TestSupport",
      dependencies: ["Analysis", "Replay", "TraceEvents", "TraceInput", "KernelTypes", "CZstd", "CZlib"],
      path: "Tests/TestSupport", swiftSettings: settings),
    tests("KernelTypes"),
    tests("TraceEvents", ["KernelTypes"]),
    tests("TraceInput", ["TraceEvents", "ProcSnapshots", "KernelTypes", "CZstd", "CZlib"]),
    tests("TraceOutput", ["TraceInput", "TraceEvents", "KernelTypes"], exclude: ["Snapshots"]),
    tests("ProcSnapshots", ["KernelTypes"]),
    tests("MemoryModels", ["KernelTypes"]),
    tests("Replay", ["TraceInput", "MemoryModels", "TraceEvents", "KernelTypes"]),
    tests("Analysis", ["Replay", "ProcSnapshots", "MemoryModels", "TraceInput", "TraceEvents", "KernelTypes"]),
    tests(
      "Reports", ["Analysis", "Replay", "MemoryModels", "ProcSnapshots", "TraceEvents", "KernelTypes"],
      exclude: ["Snapshots"]),
    tests("KmemreplayCLI", ["Reports", "TraceInput", "TraceEvents", "KernelTypes"]),
  ],
  swiftLanguageModes: [.v6]
)
