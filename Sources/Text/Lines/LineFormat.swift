package import LogsWire

/// How a line is read.
package enum LineFormat: String, CaseIterable, Sendable {
  /// The line is the message.
  case raw
  /// JSON objects: time, level, source and message are found by the names that loggers use; other members become
  /// attributes.
  case json
  /// The same for `key=value` pairs.
  case logfmt
  /// RFC 3164 and RFC 5424, with or without a priority.
  case syslog
  /// The text format of the loggers of Kubernetes and Google.
  case klog
  /// What containerd and CRI-O write for each line of a container.
  case cri
  /// Access logs of nginx and Apache, combined or common.
  case access
  /// Error logs of nginx and Apache.
  case error
  /// PostgreSQL's csvlog.
  case postgres
  /// A time at the beginning of a line and a level near it, as loggers write text.
  case text
  /// Whichever of these the line clearly is.
  case auto

  /// Turns a line into an entry that every batch can hold. A line that is not in the format becomes the message as it
  /// is; no line is dropped.
  ///
  /// - Parameters:
  ///   - template: the values that the line does not have.
  ///   - rules: for incomplete times.
  package func entry(_ line: ByteString, like template: LogEntry, _ rules: TimeRules) -> LogEntry {
    recognized(line, like: template, rules) ?? Self.raw(line, like: template)
  }

  /// The same; nil for a line that is not in the format. Every line is in `raw`, and a line that `auto` recognizes as
  /// nothing else is raw.
  package func recognized(_ line: ByteString, like template: LogEntry, _ rules: TimeRules) -> LogEntry? {
    let raw = Self.raw(line, like: template)
    switch self {
    case .raw: return raw
    case .auto: return read(Self.text(of: line), raw, rules) ?? raw
    default: return read(Self.text(of: line), raw, rules)
    }
  }

  private static func raw(_ line: ByteString, like template: LogEntry) -> LogEntry {
    var entry = template
    entry.message = line
    return entry
  }

  /// The line without anything in front of its text: the NULs of a hole in the file, a byte order mark.
  static func text(of line: ByteString) -> ByteString {
    var start = 0
    while start < line.count, line[start] == 0 { start += 1 }
    if line.count - start >= 3, line[start] == 0xef, line[start + 1] == 0xbb, line[start + 2] == 0xbf { start += 3 }
    return start == 0 ? line : line[start..<line.count]
  }

  /// - Parameter raw: the entry with the line as its message.
  /// - Returns: nil if the entry should stay like that.
  private func read(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    switch self {
    case .raw: nil
    case .json: JSONReader.object(text.span).map { Self.fill(raw, $0, text.count, rules) }
    case .logfmt: Self.logfmt(text, raw, rules, isCertain: true)
    case .syslog: SyslogLine.entry(text, raw, rules, isCertain: true)
    case .klog: KlogLine.entry(text, raw, rules)
    case .cri: ContainerLine.entry(text, raw, rules)
    case .access: AccessLine.entry(text, raw, rules)
    case .error: ServerErrorLine.entry(text, raw, rules)
    case .postgres: PostgresLine.entry(text, raw, rules)
    case .text: TextLine.entry(text, raw, rules)
    case .auto: Self.guess(text, raw, rules)
    }
  }

  private static func guess(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    if let object = JSONReader.object(text.span) { return fill(raw, object, text.count, rules) }
    return SyslogLine.entry(text, raw, rules, isCertain: false) ?? KlogLine.entry(text, raw, rules)
      ?? ContainerLine.entry(text, raw, rules) ?? AccessLine.entry(text, raw, rules)
      ?? ServerErrorLine.entry(text, raw, rules) ?? PostgresLine.entry(text, raw, rules)
      ?? logfmt(text, raw, rules, isCertain: false) ?? TextLine.entry(text, raw, rules)
  }

  /// - Parameter isCertain: whether the format is known. If not, text with an equals sign in it is not enough: all
  ///   words must be pairs, or the line must begin with a pair and have two of time, level and message.
  private static func logfmt(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules, isCertain: Bool) -> LogEntry? {
    guard let line = LogfmtReader.line(text.span) else { return nil }
    var content = line.content
    let pick = FieldPick(content.members, rules)
    if !isCertain, !line.bareWords.isEmpty || line.isCut || content.keepsLine {
      let known = [pick.time != nil, pick.severity != nil, pick.message != nil].count { $0 }
      guard line.beginsWithPair, known >= 2 else { return nil }
    }
    if pick.message == nil || content.keepsLine, !line.bareWords.isEmpty {
      // The line stays the message, and words without a value would add nothing.
      let words = Set(line.bareWords)
      content.members = content.members.indices.filter { !words.contains($0) }.map { content.members[$0] }
    }
    return fill(raw, content, text.count, rules)
  }

  private static func fill(_ raw: LogEntry, _ line: StructuredLine, _ byteCount: Int, _ rules: TimeRules) -> LogEntry {
    let pick = FieldPick(line.members, rules)
    var entry = raw
    if let time = pick.time { entry.time = time.value }
    if let severity = pick.severity {
      entry.severity = severity.value
    } else if pick.isSilentInformation {
      entry.severity = .info
    }
    if let source = pick.source { entry.source = source.value }
    // If there is no message, or the members do not contain everything, the line stays the message.
    if let message = pick.message, !line.keepsLine { entry.message = message.value }
    entry.attributes += pick.rest(of: line.members)
    return fitted(
      entry, omittedCount: line.omittedCount, fitsSurely: line.fitsSurely && byteCount <= surelyFittingByteCount)
  }

  /// Attributes take less room than the text they were read from, except for short numbers, of which there are at most
  /// 256.
  private static let surelyFittingByteCount = Limits.attributesByteCountMax / 2

  static func fitted(_ entry: LogEntry, omittedCount: Int = 0, fitsSurely: Bool) -> LogEntry {
    if fitsSurely, omittedCount == 0, entry.attributes.count <= Limits.attributeCountMax { return entry }
    guard omittedCount > 0 else { return entry.fitted() }
    var counted = entry
    let key = LogEntry.truncatedAttributesKey
    if let place = counted.attributes.firstIndex(where: { $0.key == key }),
      case .integer(let earlier) = counted.attributes[place].value
    {
      counted.attributes[place].value = .integer(earlier &+ Int64(omittedCount))
    } else {
      counted.attributes.removeAll { $0.key == key }
      counted.attributes.append(LogAttribute(key, .integer(Int64(omittedCount))))
    }
    return counted.fitted()
  }
}
