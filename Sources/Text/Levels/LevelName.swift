package import LogsWire

extension LogSeverity {
  /// The name under which people know the level: that of its range, unless loggers have one of their own for it.
  package var levelName: StaticString {
    switch number {
    case 0: ""
    case 1...4: "trace"
    case 5...8: "debug"
    case 10: "notice"
    case 9...12: "info"
    case 13...16: "warn"
    case 18: "crit"
    case 19: "alert"
    case 17...20: "error"
    default: "fatal"
    }
  }

  /// The same in capitals, as columns show it.
  var capitalName: StaticString {
    switch number {
    case 0: ""
    case 1...4: "TRACE"
    case 5...8: "DEBUG"
    case 10: "NOTICE"
    case 9...12: "INFO"
    case 13...16: "WARN"
    case 18: "CRIT"
    case 19: "ALERT"
    case 17...20: "ERROR"
    default: "FATAL"
    }
  }
}
