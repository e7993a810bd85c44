// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

let testing: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

// The package is one folder deeper than expected, since it is known by the name of its folder, and `swift-log` is
// taken.
let package = Package(
  name: "logs-swift-log",
  products: [.library(name: "LogsLogging", targets: ["LogsLogging"])],
  dependencies: [
    .package(name: "logs", path: "../../.."),
    // The first version whose handlers get events, and with them the error of a call.
    .package(url: "https://github.com/apple/swift-log", from: "1.12.0"),
  ],
  targets: [
    .target(
      name: "LogsLogging",
      dependencies: [
        .product(name: "LogsClient", package: "logs"), .product(name: "Logging", package: "swift-log"),
      ], path: "Sources", swiftSettings: strict),
    .testTarget(
      name: "LogsLoggingTests",
      dependencies: [
        "LogsLogging", .product(name: "LogsClient", package: "logs"), .product(name: "Logging", package: "swift-log"),
        .product(name: "InMemoryLogging", package: "swift-log"),
      ], path: "Tests", swiftSettings: testing),
  ]
)
