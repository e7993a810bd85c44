internal import LogsWire

/// The scale that a logger uses for its levels.
enum LevelScale: Sendable {
  /// Words, letters, and the tens of bunyan and pino. A number below 10 may be of any scale and is ignored.
  case unsaid
  /// From 0, the most severe, to 7, debug: syslog, journald, GELF.
  case syslog
  /// OpenTelemetry's numbers, 1 to 24.
  case openTelemetry
  /// PostgreSQL's words, including LOG.
  case postgres
  /// Only words: numbers are ambiguous, since Python's tens begin with debug and others count in hundreds.
  case word

  /// nil if the value is not a level on this scale.
  func severity(_ value: AttributeValue) -> LogSeverity? {
    switch value {
    case .integer(let number): severity(number)
    case .string(let text): severity(text)
    case .empty, .boolean, .double, .list, .map, .bytes: nil
    }
  }

  private func severity(_ number: Int64) -> LogSeverity? {
    switch self {
    case .unsaid: Self.tens(number)
    case .syslog: Self.syslogSeverity(number)
    case .openTelemetry: number == 0 ? nil : UInt8(exactly: number).flatMap { LogSeverity(number: $0) }
    case .postgres, .word: nil
    }
  }

  private func severity(_ text: String) -> LogSeverity? {
    let word = Self.plain(text)
    if word.utf8.first?.isDigit == true { return Int64(word).flatMap { severity($0) } }
    switch self {
    case .postgres where word == "log": return .info
    case .postgres where word.hasPrefix("debug"): return .debug
    case .unsaid, .syslog, .openTelemetry, .postgres, .word:
      return LogSeverity(name: word) ?? Self.letter(word) ?? Self.offset(word)
    }
  }

  /// In lower case, without the colours and spaces that console encoders put around it.
  private static func plain(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 == 0x1b || $0 == 0x20 }) else { return text.lowercased() }
    let bytes = Colors.removed(from: unsafe text.utf8.span.bytes) ?? Array(text.utf8)
    return String(decoding: bytes.filter { $0 != 0x20 }, as: UTF8.self).lowercased()
  }

  static func letter(_ word: String) -> LogSeverity? {
    switch word {
    case "t", "v": .trace
    case "d": .debug
    case "i": .info
    case "n": .notice
    case "w": .warning
    case "e": .error
    case "c": .critical
    case "f": .fatal
    default: nil
    }
  }

  /// slog's levels between its names: `INFO+2`, `DEBUG-4`. Its numbers are 9 below OpenTelemetry's.
  private static func offset(_ word: String) -> LogSeverity? {
    guard let sign = word.utf8.lastIndex(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }),
      let base = LogSeverity(name: String(word[..<sign])), let step = Int8(word[sign...])
    else { return nil }
    return LogSeverity(number: UInt8(clamping: min(max(Int(base.number) + Int(step), 1), 24)))
  }

  /// bunyan and pino: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal, and custom levels in between.
  private static func tens(_ number: Int64) -> LogSeverity? {
    guard (10..<70).contains(number) else { return nil }
    let (range, step) = number.quotientAndRemainder(dividingBy: 10)
    return LogSeverity(number: UInt8(1 + (range - 1) * 4 + step * 4 / 10))
  }

  /// By the mapping of OpenTelemetry.
  static func syslogSeverity(_ number: Int64) -> LogSeverity? {
    switch number {
    case 0: .fatal
    case 1: .alert
    case 2: .critical
    case 3: .error
    case 4: .warning
    case 5: .notice
    case 6: .info
    case 7: .debug
    default: nil
    }
  }
}
