internal import LogsWire

/// The content of a line with a fixed format.
struct LineContent {
  var time: Int64
  var severity: LogSeverity?
  var source: Range<Int>?
  /// nil for the whole line.
  var message: Range<Int>?
  var attributes: [LogAttribute] = []

  init(time: Int64) { self.time = time }

  /// - Parameters:
  ///   - date: the time of the line. If the day does not exist or the year is unlikely, its text becomes the attribute
  ///   `time`.
  ///   - text: its place in `bytes`.
  init(_ date: CalendarTime, _ text: Range<Int>, in bytes: RawSpan, _ rules: TimeRules) {
    if let time = date.entryTime(rules) {
      self.time = time
    } else {
      time = 0
      attributes = [LogAttribute("time", bytes.value(text))]
    }
  }

  /// - Parameter text: the line, which the ranges refer to.
  func entry(_ text: ByteString, _ raw: LogEntry) -> LogEntry {
    var entry = raw
    if time != 0 { entry.time = time }
    if let severity { entry.severity = severity }
    entry.attributes += attributes
    if let source, source.count <= Limits.sourceByteCountMax {
      entry.source = ByteString(copying: text.span.extracting(source))
    } else if let source {
      entry.attributes.append(LogAttribute("source", text.span.value(source)))
    }
    if let message { entry.message = text[message] }
    return LineFormat.fitted(entry, fitsSurely: false)
  }
}

extension TextScanner {
  /// The value of the range: an integer if it is written like one, else text.
  func number(_ range: Range<Int>) -> AttributeValue {
    let value = bytes.value(range)
    guard case .string(let text) = value, let number = Int64(text), String(number) == text else { return value }
    return .integer(number)
  }

  /// Whether the range is not empty and has only letters, digits and characters of `others`.
  func isWord(_ range: Range<Int>, _ others: StaticString) -> Bool {
    guard !range.isEmpty else { return false }
    for index in range {
      let byte = bytes[index]
      var isIn = byte.isLetter || byte.isDigit
      for other in 0..<others.utf8CodeUnitCount where unsafe others.utf8Start[other] == byte { isIn = true }
      if !isIn { return false }
    }
    return true
  }
}
