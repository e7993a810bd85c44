internal import LogsWire

/// `<34>Oct 11 22:14:15 host su[230]: text` (RFC 3164), also without the `<34>`, as in files, and
/// `<165>1 2003-10-11T22:14:15.003Z host app 1234 ID47 [a@1 b="c"] text` (RFC 5424).
enum SyslogLine {
  /// - Parameter isCertain: whether the format is known. If not, a line without a priority needs a program and a colon
  ///   after time and host.
  static func entry(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules, isCertain: Bool) -> LogEntry? {
    var scanner = TextScanner(text.span)
    let priority = priority(&scanner)
    if priority == nil, scanner.next == UInt8(ascii: "<") { return nil }
    let start = scanner.offset
    if priority != nil, scanner.take(word: "1 "), let content = structured(&scanner, rules) {
      return entry(content, priority, text, raw)
    }
    scanner.offset = start
    if let content = traditional(&scanner, rules, needsProgram: !isCertain && priority == nil) {
      return entry(content, priority, text, raw)
    }
    guard isCertain, priority != nil else { return nil }
    var content = LineContent(time: raw.time)
    content.message = start..<text.count
    return entry(content, priority, text, raw)
  }

  private static func entry(_ content: LineContent, _ priority: Int?, _ text: ByteString, _ raw: LogEntry) -> LogEntry {
    var content = content
    if let priority {
      content.severity = LevelScale.syslogSeverity(Int64(priority % 8))
      content.attributes.insert(LogAttribute("facility", .integer(Int64(priority / 8))), at: 0)
    }
    return content.entry(text, raw)
  }

  /// `<0>` to `<191>`; nothing is taken otherwise.
  @_lifetime(scanner: copy scanner)
  private static func priority(_ scanner: inout TextScanner) -> Int? {
    guard scanner.take("<"), let number = scanner.number(most: 3), number < 192, scanner.take(">") else {
      scanner.offset = 0
      return nil
    }
    return number
  }

  // MARK: - RFC 3164

  @_lifetime(scanner: copy scanner)
  private static func traditional(
    _ scanner: inout TextScanner, _ rules: TimeRules, needsProgram: Bool
  ) -> LineContent? {
    let start = scanner.offset
    guard let date = traditionalTime(&scanner) else { return nil }
    var content = LineContent(date, start..<scanner.offset, in: scanner.bytes, rules)
    // Routers write the zone here: `UTC:`.
    guard scanner.take(" "), let host = scanner.word(), scanner.isWord(host, "._-:%[]"),
      scanner.bytes[host.upperBound - 1] != UInt8(ascii: ":")
    else { return nil }
    // `2026-01-10T12:00:00Z ERROR app: text` is of a logger.
    if needsProgram, scanner.bytes.string(host).flatMap({ LogSeverity(name: $0) }) != nil { return nil }
    content.attributes.append(LogAttribute("host", scanner.bytes.value(host)))
    let behindHost = scanner.offset
    if !program(&scanner, into: &content) {
      if needsProgram { return nil }
      scanner.offset = behindHost
    }
    content.message = scanner.rest
    return content
  }

  /// `Oct 11 22:14:15`, perhaps with a year after the day, or with the mark of an unsynchronized clock in front; or a
  /// time in RFC 3339.
  @_lifetime(scanner: copy scanner)
  private static func traditionalTime(_ scanner: inout TextScanner) -> CalendarTime? {
    if scanner.next?.isDigit == true {
      guard scanner.byte(ahead: 10) == UInt8(ascii: "T") else { return nil }
      return scanner.isoDateTime()
    }
    if !scanner.take("*") { _ = scanner.take(".") }
    let start = scanner.offset
    if let time = scanner.monthDayClock() { return time }
    scanner.offset = start
    guard let month = scanner.month(), scanner.takeSpaces() > 0, let day = scanner.number(most: 2), scanner.take(" "),
      let year = scanner.digits(4), scanner.take(" ")
    else { return nil }
    var time = CalendarTime(year: year, month: month, day: day)
    return scanner.clock(&time) ? time : nil
  }

  /// `su[230]: ` or `kernel: `.
  @_lifetime(scanner: copy scanner)
  private static func program(_ scanner: inout TextScanner, into content: inout LineContent) -> Bool {
    let start = scanner.offset
    while let byte = scanner.next, byte > 0x20, byte != UInt8(ascii: "["), byte != UInt8(ascii: ":") {
      scanner.offset += 1
    }
    let program = start..<scanner.offset
    guard scanner.isWord(program, "._-/()@") else { return false }
    if scanner.take("[") {
      guard let process = scanner.range(before: "]"), scanner.isWord(process, "._-") else { return false }
      content.attributes.append(LogAttribute("pid", scanner.number(process)))
    }
    guard scanner.take(":"), scanner.take(" ") || scanner.isAtEnd else {
      content.attributes.removeAll { $0.key == "pid" }
      return false
    }
    content.source = program
    return true
  }

  // MARK: - RFC 5424

  @_lifetime(scanner: copy scanner)
  private static func structured(_ scanner: inout TextScanner, _ rules: TimeRules) -> LineContent? {
    var content = LineContent(time: 0)
    let start = scanner.offset
    if !scanner.take("-") {
      guard let date = scanner.isoDateTime() else { return nil }
      content = LineContent(date, start..<scanner.offset, in: scanner.bytes, rules)
    }
    guard scanner.take(" "), let host = scanner.word(), let program = scanner.word(), let process = scanner.word(),
      let kind = scanner.word()
    else { return nil }
    if !scanner.isEqual(host, "-") { content.attributes.append(LogAttribute("host", scanner.bytes.value(host))) }
    if !scanner.isEqual(program, "-") { content.source = program }
    if !scanner.isEqual(process, "-") { content.attributes.append(LogAttribute("pid", scanner.number(process))) }
    if !scanner.isEqual(kind, "-") { content.attributes.append(LogAttribute("msgid", scanner.bytes.value(kind))) }
    if !scanner.take("-") {
      guard scanner.next == UInt8(ascii: "[") else { return nil }
      while scanner.take("[") {
        guard let element = element(&scanner), !content.attributes.contains(where: { $0.key == element.key }) else {
          return nil
        }
        content.attributes.append(element)
      }
    }
    guard scanner.take(" ") || scanner.isAtEnd else { return nil }
    // The mark says that the text is UTF-8, and is not part of it.
    if scanner.byte(ahead: 0) == 0xef, scanner.byte(ahead: 1) == 0xbb, scanner.byte(ahead: 2) == 0xbf {
      scanner.offset += 3
    }
    content.message = scanner.rest
    return content
  }

  /// `id name="value" ...]`. A name may come several times; then its values become a list.
  @_lifetime(scanner: copy scanner)
  private static func element(_ scanner: inout TextScanner) -> LogAttribute? {
    guard let id = name(&scanner) else { return nil }
    var members: [LogAttribute] = []
    while scanner.take(" ") {
      guard let name = name(&scanner), scanner.take("="), scanner.take("\"") else { return nil }
      var content: [UInt8] = []
      while let byte = scanner.next, byte != UInt8(ascii: "\"") {
        scanner.offset += 1
        if byte == UInt8(ascii: "\\"), let escaped = scanner.next,
          escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\") || escaped == UInt8(ascii: "]")
        {
          content.append(escaped)
          scanner.offset += 1
        } else {
          content.append(byte)
        }
      }
      guard scanner.take("\"") else { return nil }
      let value = AttributeValue(text: content)
      if let place = members.firstIndex(where: { $0.key == name }) {
        if case .list(let values) = members[place].value {
          members[place].value = .list(values + [value])
        } else {
          members[place].value = .list([members[place].value, value])
        }
      } else {
        members.append(LogAttribute(name, value))
      }
      if members.count > Limits.attributeCountMax { return nil }
    }
    return scanner.take("]") ? LogAttribute(id, .map(members)) : nil
  }

  @_lifetime(scanner: copy scanner)
  private static func name(_ scanner: inout TextScanner) -> String? {
    let start = scanner.offset
    while let byte = scanner.next, byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "="), byte != UInt8(ascii: "]"),
      byte != UInt8(ascii: "\"")
    {
      scanner.offset += 1
    }
    // The RFC allows 32 bytes; anything longer than a key may be is not a name.
    guard (1...Limits.attributeKeyByteCountMax).contains(scanner.offset - start) else { return nil }
    return scanner.bytes.string(start..<scanner.offset)
  }
}
