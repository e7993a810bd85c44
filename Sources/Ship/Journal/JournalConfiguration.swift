internal import LogsWire

/// What of a journal is shipped, and where to.
package struct JournalConfiguration: Sendable {
  package var name: String
  /// The directory with the journal's files; nil for those of this machine.
  package var directory: String?
  /// Only what these units have written, or what systemd has written about them. Without a suffix they are services.
  package var units: [String] = []
  /// `FIELD=value`: all fields must match, and of one field one of its values.
  package var matches: [String] = []
  /// Only entries since the machine was started.
  package var isOfThisBoot = false
  /// How many entries it may ship a second; nil for any number.
  package var rate: RateLimit?
  package var stream = JournalConfiguration.defaultStream
  package var lines = LinePipeline.Configuration()

  /// The words that a stream's name may have.
  package static let streamWords = ["unit", "identifier", "host"]
  private static let defaultStream: StreamTemplate = {
    do throws(LogError) { return try StreamTemplate("journal", words: streamWords) } catch {
      preconditionFailure("the default stream has a name: \(error)")
    }
  }()

  package init(name: String) { self.name = name }

  /// - Throws: if a match or a unit cannot be one.
  package func check() throws(JournalProblem) {
    for match in matches {
      let parts = match.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let isField =
        !parts[0].isEmpty && parts[0].utf8.count <= 64
        && parts[0].utf8.allSatisfy {
          (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            || $0 == UInt8(ascii: "_")
        }
      guard parts.count == 2, isField else {
        throw JournalProblem(
          description: "a match is written FIELD=VALUE, such as _TRANSPORT=kernel, not '\(match)'")
      }
    }
    for unit in units where unit.isEmpty || unit.contains("/") || unit.contains("*") {
      throw JournalProblem(description: "'\(unit)' is no unit; write its name, such as nginx.service")
    }
  }
}
