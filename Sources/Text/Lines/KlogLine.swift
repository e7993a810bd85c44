internal import LogsWire

/// `I0102 15:04:05.678901   12345 file.go:123] text`: Kubernetes' and Google's loggers.
enum KlogLine {
  static func entry(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    var scanner = TextScanner(text.span)
    guard let letter = scanner.next, let severity = severity(letter) else { return nil }
    scanner.offset += 1
    let start = scanner.offset
    guard let date = date(&scanner) else { return nil }
    var content = LineContent(date, start..<scanner.offset - 1, in: scanner.bytes, rules)
    scanner.takeSpaces()
    guard let thread = scanner.word(), scanner.isWord(thread, ""), let caller = scanner.range(before: "]"),
      scanner.isWord(caller, "._-/:<>"), scanner.take(" ") || scanner.isAtEnd
    else { return nil }
    content.severity = severity
    content.attributes += [
      LogAttribute("thread", scanner.number(thread)), LogAttribute("caller", scanner.bytes.value(caller)),
    ]
    content.message = scanner.rest
    return content.entry(text, raw)
  }

  private static func severity(_ letter: UInt8) -> LogSeverity? {
    switch letter {
    case UInt8(ascii: "I"): .info
    case UInt8(ascii: "W"): .warning
    case UInt8(ascii: "E"): .error
    case UInt8(ascii: "F"): .fatal
    case UInt8(ascii: "D"): .debug
    default: nil
    }
  }

  /// `0102 15:04:05.678901`, or with the year: `20260102 15:04:05.678901`.
  @_lifetime(scanner: copy scanner)
  private static func date(_ scanner: inout TextScanner) -> CalendarTime? {
    var time = CalendarTime()
    if scanner.byte(ahead: 4)?.isDigit == true {
      guard let year = scanner.digits(4) else { return nil }
      time.year = year
    }
    guard let month = scanner.digits(2), let day = scanner.digits(2), scanner.take(" ") else { return nil }
    time.month = month
    time.day = day
    return scanner.clock(&time) && scanner.take(" ") ? time : nil
  }
}
