internal import Glibc
internal import LogsClient
internal import LogsShip
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// How a line becomes an entry.
struct EntryForm: Sendable {
  let format: LineFormat
  private let zone: TimeZoneRule
  /// nil if each file's name is the source of its lines.
  private let source: ByteString?
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
      throw .notOne(formatText, of: LineFormat.allCases.map(\.rawValue), for: "--format")
    }
    self.format = format
    let zoneText = arguments.value("input-zone") ?? "local"
    guard let zone = TimeZoneRule(zoneText) else {
      let suggestion = Spelling.suggestion(zoneText, among: ["local", "utc"])
      throw .usage("--input-zone takes local, utc, or an offset like +02:00, not '\(zoneText)'\(suggestion)")
    }
    self.zone = zone
    let files = arguments.operands.dropFirst()
    let sourceText = arguments.value("source") ?? (files.count > 1 ? nil : "")
    source = sourceText.map { ByteString($0) }
    if let source, source.count > Limits.sourceByteCountMax {
      throw .usage("--source takes at most \(Limits.sourceByteCountMax) bytes, not \(source.count)")
    }
    if let level = arguments.value("level") {
      guard let severity = LogSeverity(name: level) else {
        throw .notOne(level, of: ShortFilter.levels, for: arguments.written("level"))
      }
      self.severity = severity
    } else {
      severity = .unspecified
    }
    var status = stat()
    let isStdin = files.isEmpty || files.elementsEqual(["-"])
    let isKnown = unsafe fstat(STDIN_FILENO, &status) == 0
    hasArrivalTime = isStdin && isKnown && status.st_mode & S_IFMT != S_IFREG
  }

  /// The same for files that are followed.
  var pipeline: LinePipeline.Configuration {
    var pipeline = LinePipeline.Configuration()
    pipeline.format = format
    pipeline.zone = zone
    pipeline.grouping = .none
    pipeline.severity = severity
    pipeline.source = source ?? ""
    return pipeline
  }

  /// - Parameter origin: where all of `lines` are from.
  func entries(_ lines: [LineCutter.Line], from origin: LineOrigin) -> (entries: [LogEntry], changes: LineChanges) {
    let now = SystemClock.wall()
    let time = hasArrivalTime ? now : 0
    let rules = TimeRules(zone: zone, now: now)
    let template = LogEntry(message: ByteString(), time: time, severity: severity, source: source ?? origin.source)
    var changes = LineChanges()
    let entries = lines.enumerated().map { place, line in
      if origin.isDecoded { changes.note(.decoded, at: place) }
      if line.part == nil, line.byteCount == line.bytes.count {
        if let entry = format.recognized(line.bytes, like: template, rules) { return entry }
        changes.note(.unrecognized, at: place)
        return LineFormat.raw.entry(line.bytes, like: template, rules)
      }
      // Raw, since a part of a line is no longer in its format.
      var entry = LineFormat.raw.entry(line.bytes, like: template, rules)
      if let part = line.part {
        entry.attributes =
          LinePart(line: "\(pushID)-\(part.line)", ordinal: part.ordinal, isLast: part.isLast).attributes
      } else {
        changes.note(.cut, at: place)
        entry.attributes = [LogAttribute("logs.truncated", .integer(Int64(line.byteCount)))]
      }
      return entry
    }
    return (entries, changes)
  }
}
