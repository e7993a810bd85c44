internal import Glibc
internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// How a line becomes an entry.
struct EntryForm: Sendable {
  private let format: LineFormat
  private let zone: TimeZoneRule
  private let source: ByteString
  private let severity: LogSeverity
  /// Lines from a pipe were written about now, those of a file some time ago.
  private let hasArrivalTime: Bool
  /// Distinguishes the lines that this push splits from those of others.
  private let pushID = String(UInt64.random(in: .min ... .max), radix: 16)

  /// Whether lines stay as they are.
  var isRaw: Bool { format == .raw }

  init(_ arguments: Arguments) throws(CommandError) {
    let formatText = arguments.value("format") ?? LineFormat.raw.rawValue
    guard let format = LineFormat(rawValue: formatText) else {
      throw .usage("--format takes \(LineFormat.allCases.map(\.rawValue).joined(separator: ", ")), not '\(formatText)'")
    }
    self.format = format
    let zoneText = arguments.value("input-zone") ?? "local"
    guard let zone = TimeZoneRule(zoneText) else {
      throw .usage("--input-zone takes local, utc, or an offset like +02:00, not '\(zoneText)'")
    }
    self.zone = zone
    source = ByteString(arguments.value("source") ?? "")
    if source.count > 255 { throw .usage("--source takes at most 255 bytes, not \(source.count)") }
    if let level = arguments.value("level") {
      guard let severity = LogSeverity(name: level) else {
        throw .usage("--level takes trace, debug, info, notice, warn, error or fatal, not '\(level)'")
      }
      self.severity = severity
    } else {
      severity = .unspecified
    }
    var status = stat()
    let files = arguments.operands.dropFirst()
    let isStdin = files.isEmpty || files.elementsEqual(["-"])
    let isKnown = unsafe fstat(STDIN_FILENO, &status) == 0
    hasArrivalTime = isStdin && isKnown && status.st_mode & S_IFMT != S_IFREG
  }

  func entries(_ lines: some Sequence<LineCutter.Line>) -> [LogEntry] {
    let now = SystemClock.wall()
    let time = hasArrivalTime ? now : 0
    let rules = TimeRules(zone: zone, now: now)
    let template = LogEntry(message: ByteString(), time: time, severity: severity, source: source)
    return lines.map { line in
      guard line.part != nil || line.byteCount != line.bytes.count else {
        return format.entry(line.bytes, like: template, rules)
      }
      // Raw, since a part of a line is no longer in its format.
      var entry = LineFormat.raw.entry(line.bytes, like: template, rules)
      if let part = line.part {
        entry.attributes =
          LinePart(line: "\(pushID)-\(part.line)", ordinal: part.ordinal, isLast: part.isLast).attributes
      } else {
        entry.attributes = [LogAttribute("logs.truncated", .integer(Int64(line.byteCount)))]
      }
      return entry
    }
  }
}
