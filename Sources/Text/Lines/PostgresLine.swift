internal import LogsWire

/// A record of PostgreSQL's csvlog in one line, with 23 to 26 columns, depending on the version of the server.
enum PostgresLine {
  private static let columns = [
    "log_time", "user_name", "database_name", "process_id", "connection_from", "session_id", "session_line_num",
    "command_tag", "session_start_time", "virtual_transaction_id", "transaction_id", "error_severity", "sql_state_code",
    "message", "detail", "hint", "internal_query", "internal_query_pos", "context", "query", "query_pos", "location",
    "application_name", "backend_type", "leader_pid", "query_id",
  ]
  private static let columnCountMin = 23
  private static let levelColumn = 11
  private static let stateColumn = 12
  private static let messageColumn = 13

  static func entry(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    // Checked first, since every such line begins with it.
    guard text.count > 20, text[4] == UInt8(ascii: "-"), text[10] == 0x20, let fields = fields(text.span),
      fields.count >= columnCountMin, let severity = LevelScale.postgres.severity(fields[levelColumn].value),
      case .string(let message) = fields[messageColumn].value
    else { return nil }
    var entry = raw
    // The name of a zone is ambiguous, unless it is the local one.
    let time = FieldTime.nanoseconds(fields[0].value, rules)
    if let time { entry.time = time }
    entry.severity = severity
    entry.message = ByteString(message)
    for (index, field) in fields.enumerated() where index != levelColumn && index != messageColumn {
      if index == 0, time != nil { continue }
      if field.isQuoted || field.value != "" { entry.attributes.append(LogAttribute(columns[index], field.value)) }
    }
    return LineFormat.fitted(entry, fitsSurely: false)
  }

  private struct Field {
    let value: AttributeValue
    /// An empty text has quotes; a missing value has none.
    let isQuoted: Bool
  }

  /// The columns of the line; nil if it is not such a CSV line, has too many columns, or ends inside quotes.
  private static func fields(_ line: RawSpan) -> [Field]? {
    var scanner = TextScanner(line)
    var fields: [Field] = []
    repeat {
      guard fields.count < columns.count else { return nil }
      let start = scanner.offset
      guard scanner.take("\"") else {
        while let byte = scanner.next, byte != UInt8(ascii: ","), byte != 0x0d { scanner.offset += 1 }
        let range = start..<scanner.offset
        // An SQLSTATE is text, even if it looks like a number.
        let isText = fields.count == stateColumn
        fields.append(
          Field(value: isText ? scanner.bytes.value(range) : scanner.number(range), isQuoted: false))
        continue
      }
      var content: [UInt8] = []
      var isClosed = false
      while !isClosed, let byte = scanner.next {
        scanner.offset += 1
        if byte != UInt8(ascii: "\"") || scanner.take("\"") { content.append(byte) } else { isClosed = true }
      }
      guard isClosed else { return nil }
      fields.append(Field(value: AttributeValue(text: content), isQuoted: true))
    } while scanner.take(",")
    _ = scanner.take("\r")
    return scanner.isAtEnd ? fields : nil
  }
}
