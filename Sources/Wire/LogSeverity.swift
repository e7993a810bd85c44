/// How severe an entry is: the OpenTelemetry severity number, 0 (unspecified) to 24.
public struct LogSeverity: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// 0 unspecified, 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal.
  public let number: UInt8

  /// - Parameter number: 0 to 24; anything else is not a severity.
  public init?(number: UInt8) {
    guard number <= Self.highest else { return nil }
    self.number = number
  }

  private init(_ number: UInt8) { self.number = number }

  static let highest: UInt8 = 24

  public static let unspecified = LogSeverity(0)
  public static let trace = LogSeverity(1)
  public static let debug = LogSeverity(5)
  public static let info = LogSeverity(9)
  public static let notice = LogSeverity(10)
  public static let warning = LogSeverity(13)
  public static let error = LogSeverity(17)
  /// Syslog's name, in the range of error.
  public static let critical = LogSeverity(18)
  /// Syslog's name, in the range of error.
  public static let alert = LogSeverity(19)
  public static let fatal = LogSeverity(21)

  /// The common name of a level, in lower case.
  ///
  /// - Returns: nil if the word is not the name of a level.
  public init?(name: String) {
    switch name.lowercased() {
    case "info", "information", "informational", "inf": self = .info
    case "debug", "dbg", "dbug", "debu", "fine", "finer", "config": self = .debug
    case "warn", "warning", "wrn": self = .warning
    case "error", "err", "eror", "erro", "severe", "fail": self = .error
    case "notice": self = .notice
    case "trace", "verbose", "finest", "silly", "trc", "trce", "trac": self = .trace
    case "critical", "crit": self = .critical
    case "alert": self = .alert
    case "fatal", "emergency", "emerg", "panic", "dpanic", "ftl", "fata", "pnc", "pani": self = .fatal
    default: return nil
    }
  }

  /// The range's name: trace, debug, info, warn, error or fatal; `unspecified` for 0.
  public var description: String {
    switch number {
    case 0: "unspecified"
    case 1...4: "trace"
    case 5...8: "debug"
    case 9...12: "info"
    case 13...16: "warn"
    case 17...20: "error"
    default: "fatal"
    }
  }

  public static func < (left: LogSeverity, right: LogSeverity) -> Bool { left.number < right.number }
}
