internal import LogsWire

/// An entry of a journal as a line with attributes.
///
/// Names are OpenTelemetry's where it has one; all other fields keep theirs.
struct JournalEntry {
  private(set) var line = SourceLine(ByteString())
  private(set) var unit = ""
  private(set) var identifier = ""
  private var command = ByteString()
  private var sourceTime: Int64 = 0

  /// - Parameter rules: what is masked in all fields.
  init(_ journal: Journal, _ rules: LineRules) {
    journal.forEachField { name, value in add(name, value, rules) }
    line.time = sourceTime != 0 ? sourceTime : journal.time
    line.writer = writer
  }

  private var writer: ByteString? {
    let writer = identifier.isEmpty ? command : ByteString(identifier)
    return (1...Limits.sourceByteCountMax).contains(writer.count) ? writer : nil
  }

  private mutating func add(_ name: String, _ value: ByteString, _ rules: LineRules) {
    switch name {
    case "MESSAGE":
      // A second one is kept as an attribute.
      guard line.bytes.isEmpty else { break }
      line.byteCount = value.count
      line.bytes =
        value.count > Limits.messageByteCountMax ? value[0..<Limits.messageByteCountMax] : value
      return
    case "PRIORITY":
      guard let severity = Self.severity(value) else { break }
      line.severity = severity
      return
    case "_SOURCE_REALTIME_TIMESTAMP":
      guard let microseconds = Int64(value.text), (0..<Int64.max / 1_000).contains(microseconds) else { break }
      sourceTime = microseconds * 1_000
      return
    case "_SOURCE_MONOTONIC_TIMESTAMP", "_SOURCE_BOOTTIME_TIMESTAMP", "SYSLOG_TIMESTAMP", "SYSLOG_RAW": return
    case "SYSLOG_IDENTIFIER":
      identifier = value.text
      if value.count <= Limits.sourceByteCountMax { return }
    case "_SYSTEMD_UNIT": unit = value.text
    case "_COMM": command = value
    default: break
    }
    let kept = rules.masked(value)
    append(Self.keys[name] ?? name, Self.numbers.contains(name) ? Self.number(kept) : Self.text(kept))
  }

  /// A field may have several values.
  private mutating func append(_ key: String, _ value: AttributeValue) {
    guard let place = line.attributes.firstIndex(where: { $0.key == key }) else {
      line.attributes.append(LogAttribute(key, value))
      return
    }
    if case .list(let values) = line.attributes[place].value {
      line.attributes[place].value = .list(values + [value])
    } else {
      line.attributes[place].value = .list([line.attributes[place].value, value])
    }
  }

  private static func text(_ value: ByteString) -> AttributeValue {
    let text = value.text
    return text.utf8.count == value.count && ByteString(text) == value ? .string(text) : .bytes(value)
  }

  private static func number(_ value: ByteString) -> AttributeValue {
    let text = value.text
    guard let number = Int64(text), String(number) == text else { return Self.text(value) }
    return .integer(number)
  }

  /// syslog's 0 to 7.
  private static func severity(_ value: ByteString) -> LogSeverity? {
    guard value.count == 1 else { return nil }
    switch value[0] {
    case UInt8(ascii: "0"): return .fatal
    case UInt8(ascii: "1"): return .alert
    case UInt8(ascii: "2"): return .critical
    case UInt8(ascii: "3"): return .error
    case UInt8(ascii: "4"): return .warning
    case UInt8(ascii: "5"): return .notice
    case UInt8(ascii: "6"): return .info
    case UInt8(ascii: "7"): return .debug
    default: return nil
    }
  }

  private static let keys = [
    "_HOSTNAME": "host.name", "_MACHINE_ID": "host.id", "_PID": "process.pid", "_COMM": "process.executable.name",
    "_EXE": "process.executable.path", "_CMDLINE": "process.command_line", "_UID": "process.user.id",
    "_SYSTEMD_UNIT": "systemd.unit", "CODE_FILE": "code.file.path", "CODE_LINE": "code.line.number",
    "CODE_FUNC": "code.function.name", "TID": "thread.id", "SYSLOG_FACILITY": "facility",
    "CONTAINER_NAME": "container.name", "CONTAINER_ID_FULL": "container.id",
  ]
  private static let numbers: Set<String> = [
    "_PID", "_UID", "_GID", "CODE_LINE", "TID", "SYSLOG_FACILITY", "SYSLOG_PID", "ERRNO", "_AUDIT_SESSION",
    "_AUDIT_LOGINUID",
  ]
}
