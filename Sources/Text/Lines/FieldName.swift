internal import LogsWire

/// The names that loggers use for what an entry has fields for. `docs/formats.md` lists the loggers.
struct FieldName: Sendable {
  enum Role: Sendable {
    case time
    case level(LevelScale)
    case source
    case message
  }

  /// What a name reveals about the logger that wrote the line.
  enum Hint: Sendable {
    case gelfVersion, gelfText, container, python, nodeHost, nodeProcess, clef
  }

  var role: Role?
  /// Of several names for one field, the one with the lowest rank counts.
  var rank = 0
  var hint: Hint?
  /// Names inside a map under this one.
  var children: [String: FieldName] = [:]

  /// Looks a name up as it is written, then in lower case. A name longer than all known ones is not looked up.
  static func named(_ key: String) -> FieldName? {
    guard key.utf8.count <= lengthMax else { return nil }
    if let exact = exact[key] { return exact }
    return key.utf8.contains { $0.isUppercase } ? all[key.lowercased()] : all[key]
  }

  private static let lengthMax = all.keys.reduce(0) { max($0, $1.utf8.count) }

  /// Names that have this meaning only in capitals.
  private static let exact: [String: FieldName] = [
    "PRIORITY": FieldName(role: .level(.syslog), rank: 50),
    "SYSLOG_IDENTIFIER": FieldName(role: .source, rank: 50),
    "_COMM": FieldName(role: .source, rank: 51),
  ]

  // In order of rank. A dot leads into a map; a name that contains the dot counts as well.
  private static let times = [
    "@timestamp", "timestamp", "time", "ts", "@t", "datetime", "asctime", "instant", "timemillis", "timeunixnano",
    "__realtime_timestamp", "date", "t", "log_time", "time_iso8601", "time_local", "msec", "eventtime",
    "edgestarttimestamp", "eventtimestampms", "start_time", "timegenerated", "observedtimeunixnano",
  ]
  private static let levels: [(String, LevelScale)] = [
    ("level", .unsaid), ("log.level", .unsaid), ("severitynumber", .openTelemetry), ("severity_number", .openTelemetry),
    ("severity", .unsaid), ("lvl", .unsaid), ("loglevel", .unsaid), ("log_level", .unsaid), ("levelname", .word),
    ("level_name", .word), ("@level", .unsaid), ("@l", .unsaid), ("severitytext", .word), ("severity_text", .word),
    ("error_severity", .postgres), ("syslogseverity", .syslog), ("severity_label", .word), ("priority", .word),
  ]
  private static let sources = [
    "source", "logger", "loggername", "logger_name", "log.logger", "channel", "target", "@module", "service",
    "service.name", "eventsource",
  ]
  private static let messages = [
    "message", "msg", "@m", "@message", "short_message", "fields.message", "renderedmessage", "log", "body",
    "body.stringvalue", "logevent.message", "jsonpayload.message", "textpayload", "output", "@mt", "messagetemplate",
    "event",
  ]
  private static let hints: [(String, Hint)] = [
    ("version", .gelfVersion), ("short_message", .gelfText), ("host", .gelfText), ("stream", .container),
    ("levelname", .python), ("hostname", .nodeHost), ("pid", .nodeProcess), ("@t", .clef),
  ]

  private static let all: [String: FieldName] = {
    var all: [String: FieldName] = [:]
    func add(_ name: String, _ role: Role, _ rank: Int) {
      all[name, default: FieldName()].role = role
      all[name, default: FieldName()].rank = rank
      guard let dot = name.firstIndex(of: "."), dot > name.startIndex else { return }
      let child = String(name[name.index(after: dot)...])
      all[String(name[..<dot]), default: FieldName()].children[child] = FieldName(role: role, rank: rank)
    }
    for (rank, name) in times.enumerated() { add(name, .time, rank) }
    for (rank, (name, scale)) in levels.enumerated() { add(name, .level(scale), rank) }
    for (rank, name) in sources.enumerated() { add(name, .source, rank) }
    for (rank, name) in messages.enumerated() { add(name, .message, rank) }
    // The name of the logger, in lines that only known loggers write; elsewhere it may be any name.
    add("name", .source, 60)
    for (name, hint) in hints { all[name, default: FieldName()].hint = hint }
    return all
  }()
}
