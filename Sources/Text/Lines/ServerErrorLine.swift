internal import LogsWire

/// The error logs of nginx, `2026/01/10 12:00:00 [error] 31#31: *1 text`, and of Apache,
/// `[Sat Jan 10 12:00:00.5 2026] [core:error] [pid 35708:tid 4328636416] text`.
enum ServerErrorLine {
  static func entry(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    text.span.byteCount > 0 && text[0] == UInt8(ascii: "[") ? apache(text, raw, rules) : nginx(text, raw, rules)
  }

  private static func nginx(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    var scanner = TextScanner(text.span)
    guard let date = scanner.isoDateTime() else { return nil }
    var content = LineContent(date, 0..<scanner.offset, in: scanner.bytes, rules)
    guard scanner.bytes[4] == UInt8(ascii: "/"), scanner.take(" "), scanner.take("["),
      let level = scanner.range(before: "]"),
      let severity = severity(scanner.bytes.string(level)), scanner.take(" "), let process = scanner.range(before: "#"),
      scanner.isWord(process, ""), let thread = scanner.range(before: ":"), scanner.isWord(thread, ""),
      scanner.take(" ")
    else { return nil }
    content.severity = severity
    content.attributes += [LogAttribute("pid", scanner.number(process)), LogAttribute("tid", scanner.number(thread))]
    content.message = scanner.rest
    return content.entry(text, raw)
  }

  private static func apache(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    var scanner = TextScanner(text.span)
    guard scanner.take("["), scanner.weekday(), var date = scanner.monthDayClock(), scanner.take(" "),
      let year = scanner.digits(4)
    else { return nil }
    date.year = year
    var content = LineContent(date, 1..<scanner.offset, in: scanner.bytes, rules)
    guard scanner.take("]"), scanner.take(" "), scanner.take("["), let word = scanner.range(before: "]"),
      scanner.isWord(word, "_-.:"),
      scanner.take(" "), let words = scanner.bytes.string(word)
    else { return nil }
    let parts = words.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, let severity = severity(parts.last.map(String.init)) else { return nil }
    content.severity = severity
    if parts.count == 2, !parts[0].isEmpty {
      content.attributes.append(LogAttribute("module", .string(String(parts[0]))))
    }
    let behindLevel = scanner.offset
    if scanner.take(word: "[pid "), let process = scanner.range(before: "]"), scanner.isWord(process, ": "),
      scanner.take(" ")
    {
      content.attributes += ids(process, scanner)
    } else {
      scanner.offset = behindLevel
    }
    content.message = scanner.rest
    return content.entry(text, raw)
  }

  /// `35708`, or `35708:tid 4328636416`.
  private static func ids(_ range: Range<Int>, _ scanner: borrowing TextScanner) -> [LogAttribute] {
    var inner = TextScanner(scanner.bytes.extracting(range))
    guard let process = inner.range(before: ":"), inner.take(word: "tid ") else {
      return [LogAttribute("pid", scanner.number(range))]
    }
    return [LogAttribute("pid", inner.number(process)), LogAttribute("tid", inner.number(inner.rest))]
  }

  private static func severity(_ word: String?) -> LogSeverity? {
    guard let word else { return nil }
    // Apache numbers its trace levels.
    return word.hasPrefix("trace") ? .trace : LogSeverity(name: word)
  }
}
