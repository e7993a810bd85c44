/// A line of the server's own log: what an operator should know.
package struct LogLine: Hashable, Sendable {
  /// The names are those of syslog(3) and of most loggers.
  package enum Level: String, CaseIterable, Comparable, Sendable {
    /// What happens in the course of things.
    case info
    /// The server does something else than before.
    case notice
    /// It goes on, but somebody should look.
    case warn
    /// Something does not work, or is lost.
    case error

    package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  package let level: Level
  package let text: String
  /// Whether it is about the work on segments that every entry causes, those of the log included: such a line must not
  /// become an entry, or one entry a segment would go on forever.
  package private(set) var isUpkeep = false
  /// Whether it is about something that is tried again and again: after the first only a count is of interest.
  package private(set) var isRetry = false

  package init(_ level: Level, _ text: String) {
    self.level = level
    self.text = text
  }

  package static func info(_ text: String) -> LogLine { LogLine(.info, text) }
  package static func notice(_ text: String) -> LogLine { LogLine(.notice, text) }
  package static func warn(_ text: String) -> LogLine { LogLine(.warn, text) }
  package static func error(_ text: String) -> LogLine { LogLine(.error, text) }

  package static func upkeep(_ text: String) -> LogLine {
    var line = LogLine(.info, text)
    line.isUpkeep = true
    return line
  }

  package static func retry(_ text: String) -> LogLine {
    var line = LogLine(.warn, text)
    line.isRetry = true
    return line
  }
}
