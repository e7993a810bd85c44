import Foundation
import Glibc

/// Where the real programs are: `LOGS_BINARIES`, else beside the test bundle, else in the repository's debug build.
enum Binaries {
  static let logsd = path("logsd")
  static let logs = path("logs")
  static let sqlExtension = path("liblogs-extension.so")
  static let faultProducer = path("faultproducer")
  /// A program of `Snippets/`.
  static func snippet(_ name: String) -> String { path(name) }
  static let python = "/usr/bin/python3"

  /// Whether `logsd` is from a debug build, as its directory says.
  static let isDebugBuild: Bool = {
    let path = URL(fileURLWithPath: logsd).resolvingSymlinksInPath()
    return path.deletingLastPathComponent().lastPathComponent == "debug"
  }()

  static let repository: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { url.deleteLastPathComponent() }
    return url.path
  }()

  static var referenceClient: String { "\(repository)/spec/reference/client.py" }

  private static func path(_ name: String) -> String {
    var directories = [
      URL(fileURLWithPath: Foundation.ProcessInfo.processInfo.arguments[0]).deletingLastPathComponent().path,
      "\(repository)/.build/debug",
    ]
    if let given = Environment.text("LOGS_BINARIES") { directories.insert(given, at: 0) }
    let paths: [String] = directories.map { "\($0)/\(name)" }
    let found = paths.first { path in access(path, X_OK) == 0 }
    return found ?? paths[0]
  }
}

/// Settings from the environment, for longer runs and for replays.
enum Environment {
  static func text(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    return String(cString: value)
  }

  static func number(_ name: String, default value: Int) -> Int { text(name).flatMap(Int.init) ?? value }

  /// How often tests with random moments repeat them.
  static func rounds(_ value: Int) -> Int { number("LOGS_TEST_ROUNDS", default: value) }

  /// Lines of a generated file.
  static func lines(_ value: Int) -> Int { number("LOGS_TEST_LINES", default: value) }

  /// How long a test waits for an event before it gives up.
  static var patience: Duration { .seconds(number("LOGS_TEST_PATIENCE", default: 300)) }

  /// The same for events that take longer with more lines.
  static func patience(forLines count: Int) -> Duration { patience + .milliseconds(count) }
}

/// Why a test cannot continue.
struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }

  static func errno(_ what: String) -> Failure { Failure("\(what): \(String(cString: strerror(Glibc.errno)))") }
}
