import FaultMessages
import Glibc
import LogsClient

/// A program that hands over entries and reports it line by line, for tests that kill it, its server and the links
/// between them.
///
/// `faultproducer hand|rate|last name=value...`, with the names of `RunConfiguration`. It exits with 0 once everything
/// is acknowledged and its stdin is closed.
enum FaultProducer {
  static func run(_ arguments: [String]) async -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    do {
      let configuration = try RunConfiguration(arguments.dropFirst())
      let isWhole: Bool
      switch arguments.first {
      case "hand":
        var handing = Handing(configuration)
        isWhole = try await handing.run()
      case "rate": isWhole = try await RateRun(configuration).run()
      case "last":
        try await LastWords(configuration).say()
        return 0
      default: throw UsageError("faultproducer takes 'hand', 'rate' or 'last'")
      }
      // The test examines the process before it lets it exit.
      while let _ = readLine() {}
      return isWhole ? 0 : 1
    } catch {
      Output.write(FaultReport.failed("\(error)").line)
      return 2
    }
  }
}

struct UsageError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Lines on stdout. Each is written completely before the next action, so a kill does not lose it.
enum Output {
  static func write(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      guard count > 0 || errno == EINTR else { return }
      offset += max(count, 0)
    }
  }

  static func write(_ report: FaultReport) { write(report.line) }
}
