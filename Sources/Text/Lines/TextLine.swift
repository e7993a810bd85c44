internal import LogsWire

/// What loggers write as text: `2026-01-10 12:00:00,123 ERROR [main] text`, `[2026-01-10T12:00:00Z INFO  app] text`,
/// `ERROR:root:text`. Such a line has a time at its beginning and a level near it, or one of them.
///
/// The line stays the message: formats differ in what follows.
enum TextLine {
  /// A time and a level are in the first bytes, colours not counted, or they are none of the line.
  private static let headByteCount = 160
  private static let wordCountMax = 6

  static func entry(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    let head = head(of: text)
    guard let first = head.span.byteCount > 0 ? head[0] : nil, first.isDigit || first.isLetter || first == bracket
    else { return nil }
    var scanner = TextScanner(head.span)
    let earlier = levelBeforeTime(&scanner)
    _ = scanner.take("[")
    let start = scanner.offset
    var content = LineContent(time: 0)
    if let date = scanner.lineTime(rules), scanner.isAtDelimiter {
      content = LineContent(date, start..<scanner.offset, in: scanner.bytes, rules)
    } else {
      scanner.offset = start
      var clock = CalendarTime()
      if scanner.clock(&clock), scanner.isAtDelimiter {
        // A time of day alone is no time, but a level may stand behind it.
        guard let severity = earlier?.severity ?? level(behind: &scanner) else { return nil }
        content.severity = severity
      } else {
        guard let earlier, earlier.standsAlone else { return nil }
        content.severity = earlier.severity
      }
      return content.entry(text, raw)
    }
    content.severity = earlier?.severity ?? level(behind: &scanner)
    return content.entry(text, raw)
  }

  private static let bracket = UInt8(ascii: "[")

  /// The beginning without colours.
  private static func head(of text: ByteString) -> ByteString {
    let head = text[0..<min(text.count, headByteCount * 2)]
    guard let plain = Colors.removed(from: head.span) else { return text[0..<min(text.count, headByteCount)] }
    let start = plain.firstIndex { $0 != 0x20 } ?? 0
    return ByteString(Array(plain[start...].prefix(headByteCount)))
  }

  /// `ERROR 2026-...`, `[ERROR] 2026-...`, `ERROR: text`, `info: text`.
  ///
  /// - Returns: the level, and whether it is one without a time, too. Without a level the position stays.
  @_lifetime(scanner: copy scanner)
  private static func levelBeforeTime(
    _ scanner: inout TextScanner
  ) -> (severity: LogSeverity, standsAlone: Bool)? {
    let start = scanner.offset
    let isBracketed = scanner.take("[")
    let word = scanner.letters()
    let isCapital = scanner.isCapital(word)
    guard let severity = severity(word, scanner), isBracketed ? scanner.take("]") : scanner.isAtDelimiter else {
      scanner.offset = start
      return nil
    }
    let isClear = !isOrdinary(word, scanner)
    let hasColon = scanner.take(":")
    scanner.takeSpaces()
    return (severity, isClear && (isBracketed || hasColon || isCapital))
  }

  /// The first word behind the time that is a level: one in capitals, one in brackets or between tabs, or the first one
  /// of all.
  @_lifetime(scanner: copy scanner)
  private static func level(behind scanner: inout TextScanner) -> LogSeverity? {
    var wordCount = 0
    while let byte = scanner.next, wordCount < wordCountMax {
      guard byte.isLetter || byte.isDigit else {
        if byte == 0x20 || byte == 0x09 { wordCount += scanner.byte(ahead: 1)?.isWordStart == true ? 1 : 0 }
        scanner.offset += 1
        continue
      }
      let before = scanner.offset > 0 ? scanner.bytes[scanner.offset - 1] : 0x20
      let word = scanner.letters()
      guard !word.isEmpty, before.isLevelStart, scanner.isAtDelimiter, let severity = severity(word, scanner) else {
        scanner.skipWord()
        continue
      }
      let isClosed = before != 0x20 && before != UInt8(ascii: ".") && scanner.next.map { $0 != 0x20 } ?? false
      let isFirst = wordCount <= 1 && !isOrdinary(word, scanner)
      if scanner.isCapital(word) || isClosed || isFirst { return severity }
    }
    return nil
  }

  /// Words that some loggers have for levels, and everybody for something else.
  private static let ordinary: [StaticString] = ["fine", "finer", "finest", "config", "fail", "alert", "silly"]

  private static func isOrdinary(_ word: Range<Int>, _ scanner: borrowing TextScanner) -> Bool {
    guard let text = scanner.bytes.string(word)?.lowercased() else { return true }
    return scanner.next != UInt8(ascii: ":") && ordinary.contains { "\($0)" == text }
  }

  private static func severity(_ word: Range<Int>, _ scanner: borrowing TextScanner) -> LogSeverity? {
    guard (3...13).contains(word.count) else { return nil }
    // What PostgreSQL calls a message of the server.
    if scanner.isEqual(word, "LOG"), scanner.next == UInt8(ascii: ":") { return .info }
    return scanner.bytes.string(word).flatMap { LogSeverity(name: $0) }
  }
}

extension UInt8 {
  /// What may stand before a level: a space, a tab, an opening bracket, a bar, or the point of `production.ERROR`.
  fileprivate var isLevelStart: Bool {
    switch self {
    case 0x20, 0x09, UInt8(ascii: "["), UInt8(ascii: "("), UInt8(ascii: "<"), UInt8(ascii: "|"), UInt8(ascii: "."): true
    default: false
    }
  }

  fileprivate var isWordStart: Bool { self != 0x20 && self != 0x09 }
}

extension TextScanner {
  @_lifetime(self: copy self)
  fileprivate mutating func letters() -> Range<Int> {
    let start = offset
    while next?.isLetter == true { offset += 1 }
    return start..<offset
  }

  /// Takes what is left of a word.
  @_lifetime(self: copy self)
  fileprivate mutating func skipWord() {
    while let byte = next, byte.isLetter || byte.isDigit || byte >= 0x80 { offset += 1 }
  }

  fileprivate func isCapital(_ word: Range<Int>) -> Bool { word.allSatisfy { bytes[$0].isUppercase } }

  /// Whether a time or a level may end here.
  fileprivate var isAtDelimiter: Bool {
    switch next {
    case nil, 0x20, 0x09, 0x0d, UInt8(ascii: "]"), UInt8(ascii: ")"), UInt8(ascii: ">"), UInt8(ascii: ":"),
      UInt8(ascii: "|"), UInt8(ascii: ","), UInt8(ascii: ";"):
      true
    default: false
    }
  }

  /// A date with a time of day, and the zone, which may stand behind a space.
  @_lifetime(self: copy self)
  fileprivate mutating func lineTime(_ rules: TimeRules) -> CalendarTime? {
    let start = offset
    if var time = isoDateTime() {
      if case .unsaid = time.zone { takeZone(&time, rules) }
      return time
    }
    offset = start
    // Tomcat's: 10-Jan-2026 12:00:00.123
    guard let day = digits(2), take("-"), let month = month(), take("-"), let year = digits(4), take(" ") else {
      return nil
    }
    var time = CalendarTime(year: year, month: month, day: day)
    return clock(&time) ? time : nil
  }

  /// ` +0100`, ` UTC`: a word that is no zone stays where it is.
  @_lifetime(self: copy self)
  private mutating func takeZone(_ time: inout CalendarTime, _ rules: TimeRules) {
    let start = offset
    guard take(" ") else { return }
    if let seconds = zoneOffset(), isAtDelimiter {
      time.zone = .offset(seconds: seconds)
      return
    }
    offset = start + 1
    let word = letters()
    if (2...5).contains(word.count), isCapital(word), isAtDelimiter, let name = bytes.string(word) {
      var zoned = time
      zoned.zone = .named(name)
      if zoned.nanoseconds(rules) != nil {
        time = zoned
        return
      }
    }
    offset = start
  }
}
