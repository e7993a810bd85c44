// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// Tests may touch C and raw memory without the `unsafe` marks that the sources carry.
let testing: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
  .treatAllWarnings(as: .error),
]

/// Benchmarks, too, but their imports are their own matter.
let benchmarking: [SwiftSetting] = testing + [.enableUpcomingFeature("InternalImportsByDefault")]

/// Mistakes that the fault tests must notice (`Sources/Store/PlantedBug.swift`); no release build contains them.
let plantedBugs: [SwiftSetting] = [.define("PLANTED_BUGS", .when(configuration: .debug))]

func library(_ name: String, uses: [Target.Dependency]) -> Target {
  .target(
    name: "Logs\(name)", dependencies: uses, path: "Sources/\(name)",
    exclude: ["Server": ["Main", "Web"], "CLI": ["Main"]][name] ?? [],
    swiftSettings: ["Server", "Store"].contains(name) ? strict + plantedBugs : strict)
}

func tests(_ name: String, uses: [Target.Dependency]) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: uses, path: "Tests/\(name)Tests", swiftSettings: testing)
}

/// What fuzzing calls is a suite of `make test`, on inputs of its own. For `make fuzz` it is a program driven by
/// libFuzzer instead, which links only with the sanitizers.
let fuzzed: [Target.Dependency] = [
  "LogsCLI", "LogsClient", "LogsServer", "LogsSimulation", "LogsStore", "LogsSystem", "LogsText", "LogsTransport",
  "LogsWire",
]
let isFuzzing = Context.environment["LOGS_FUZZ"] != nil
let fuzzing: Target =
  isFuzzing
  ? .executableTarget(
    name: "fuzz", dependencies: fuzzed + ["CFuzzer"], path: "Tests/FuzzingTests", exclude: ["Suites"],
    swiftSettings: testing)
  : .testTarget(
    name: "FuzzingTests", dependencies: fuzzed, path: "Tests/FuzzingTests", exclude: ["Main"], swiftSettings: testing)

let package = Package(
  name: "logs",
  products: [
    .library(name: "LogsClient", targets: ["LogsClient"]),
    .library(name: "LogsFoundation", targets: ["LogsFoundation"]),
    .library(name: "LogsShip", targets: ["LogsShip"]),
    .library(name: "LogsWire", targets: ["LogsWire"]),
    .executable(name: "logsd", targets: ["logsd"]),
    .executable(name: "logs", targets: ["logs"]),
    // For sqlite3 and other programs; `make extension` calls it logs.so.
    .library(name: "logs-extension", type: .dynamic, targets: ["LogsExtension"]),
  ],
  targets: [
    .systemLibrary(
      name: "CEvent", path: "Sources/CEvent", pkgConfig: "libevent_pthreads", providers: [.apt(["libevent-dev"])]),
    .systemLibrary(
      name: "CNghttp2", path: "Sources/CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(
      name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CPCRE2", path: "Sources/CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(
      name: "CSQLite", path: "Sources/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .target(name: "CSystem", path: "Sources/CSystem"),
    .target(name: "CWebFiles", path: "Sources/CWebFiles"),
    .systemLibrary(
      name: "CXXHash", path: "Sources/CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CFuzzer", path: "Tests/CFuzzer"),
    .systemLibrary(name: "CWslay", path: "Sources/CWslay", providers: [.apt(["libwslay-dev"])]),
    .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CZstd", path: "Sources/CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),

    library("Wire", uses: ["CPCRE2", "CSystem", "CXXHash", "CZstd"]),
    library("System", uses: ["CSystem", "LogsWire"]),
    library("Text", uses: ["LogsWire"]),
    library("Transport", uses: ["CEvent", "COpenSSL", "CWslay", "CZlib", "LogsSystem", "LogsWire"]),
    library("Disk", uses: ["CSQLite", "LogsSystem", "LogsWire"]),
    library("Store", uses: ["LogsDisk", "LogsSystem", "LogsWire"]),
    library(
      "Server",
      uses: [
        "CNghttp2", "COpenSSL", "CWebFiles", "CZlib", "CZstd", "LogsSQL", "LogsStore", "LogsSystem", "LogsText",
        "LogsTransport", "LogsWire",
      ]),
    library("SQL", uses: ["CSQLite", "LogsStore", "LogsSystem", "LogsText", "LogsWire"]),
    // --static-swift-stdlib is for executables only, and programs that load this have no runtime of Swift.
    .target(
      name: "LogsExtension", dependencies: ["LogsSQL"], path: "Sources/Extension", swiftSettings: strict,
      linkerSettings: [.unsafeFlags(["-static-stdlib"], .when(configuration: .release))]),
    library("Client", uses: ["LogsDisk", "LogsSystem", "LogsText", "LogsTransport", "LogsWire"]),
    library("Foundation", uses: ["LogsClient"]),
    library("Ship", uses: ["CSystem", "LogsClient", "LogsSystem", "LogsText", "LogsTransport", "LogsWire"]),
    library(
      "CLI",
      uses: [
        "CZlib", "CZstd", "LogsClient", "LogsDisk", "LogsShip", "LogsSystem", "LogsText", "LogsTransport", "LogsWire",
      ]),
    .executableTarget(
      name: "logsd", dependencies: ["LogsServer"], path: "Sources/Server/Main", swiftSettings: strict),
    .executableTarget(
      name: "logs", dependencies: ["LogsCLI"], path: "Sources/CLI/Main", swiftSettings: strict),

    tests(
      "EndToEnd",
      uses: [
        "FaultMessages", "LogsClient", "LogsSimulation", "LogsSystem", "LogsTransport", "LogsWire", "faultproducer",
        "logs", "logsd",
      ]),
    .target(name: "FaultMessages", dependencies: ["LogsWire"], path: "Tests/FaultMessages", swiftSettings: testing),
    .executableTarget(
      name: "faultproducer", dependencies: ["FaultMessages", "LogsClient", "LogsWire"], path: "Tests/FaultProducer",
      swiftSettings: testing),
    .target(
      name: "LogsSimulation", dependencies: ["LogsServer", "LogsStore", "LogsWire"], path: "Tests/Simulation",
      swiftSettings: testing),
    tests("Wire", uses: ["LogsWire", "LogsSimulation"]),
    tests("System", uses: ["LogsSystem", "LogsSimulation"]),
    tests("Text", uses: ["LogsText", "LogsSimulation", "LogsWire"]),
    tests("Transport", uses: ["LogsSystem", "LogsTransport", "LogsWire"]),
    .target(name: "CFaultVFS", dependencies: ["CSQLite"], path: "Tests/CFaultVFS"),
    tests(
      "Store",
      uses: ["LogsStore", "LogsDisk", "LogsSimulation", "LogsSystem", "LogsWire", "CSQLite", "CFaultVFS"]),
    tests("SQL", uses: ["CSQLite", "LogsSQL", "LogsSimulation", "LogsStore", "LogsSystem", "LogsText", "LogsWire"]),
    tests(
      "Server",
      uses: ["LogsServer", "LogsSimulation", "LogsStore", "LogsSystem", "LogsTransport", "LogsWire"]),
    tests(
      "Client",
      uses: [
        "LogsClient", "LogsDisk", "LogsSystem", "LogsText", "LogsWire", "LogsTransport", "LogsSimulation", "CSQLite",
        "CFaultVFS",
      ]),
    tests("Foundation", uses: ["LogsClient", "LogsFoundation"]),
    tests(
      "Ship",
      uses: ["LogsClient", "LogsShip", "LogsSimulation", "LogsSystem", "LogsText", "LogsTransport", "LogsWire"]),
    tests("CLI", uses: ["LogsCLI", "LogsClient", "LogsText", "LogsWire"]),
    tests("Tidy", uses: ["LogsWire"]),
    fuzzing,

    .target(name: "CAllocations", path: "Benchmarks/Allocations"),
    .target(
      name: "LogsBenchmarks",
      dependencies: ["CAllocations", "LogsServer", "LogsStore", "LogsSystem", "LogsTransport", "LogsWire"],
      path: "Benchmarks/Micro", exclude: ["Main"], swiftSettings: benchmarking),
    .executableTarget(
      name: "microbench", dependencies: ["LogsBenchmarks"], path: "Benchmarks/Micro/Main", swiftSettings: testing),
    tests("Benchmark", uses: ["LogsBenchmarks"]),
  ]
)
