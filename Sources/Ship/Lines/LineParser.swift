internal import LogsSystem
internal import LogsText
internal import LogsWire

/// Reads lines and groups of them in their format.
struct LineParser {
  private let format: LineFormat
  private let template: LogEntry
  private var rules: TimeRules
  /// Until when the rules' clock is near enough: a year is guessed from it.
  private var rulesDeadline = MonotonicTime(nanoseconds: 0)

  private static let rulesDuration = Duration.seconds(1)

  init(_ configuration: LinePipeline.Configuration) {
    format = configuration.format
    template = LogEntry(
      message: ByteString(), severity: configuration.severity, source: configuration.source,
      attributes: configuration.attributes)
    rules = TimeRules(zone: configuration.zone, now: 0)
  }

  mutating func entry(_ group: LineGroup, _ now: MonotonicTime) -> LogEntry {
    var entry = entry(group.first, now)
    if !group.isSingle { entry.message = group.message(behind: entry.message) }
    return entry
  }

  mutating func entry(_ line: SourceLine, _ now: MonotonicTime) -> LogEntry {
    if format == .raw, line.isPlain {
      var entry = template
      entry.message = line.bytes
      entry.time = line.time != 0 ? line.time : line.arrival
      return entry
    }
    var like = template
    like.time = line.time
    if !line.attributes.isEmpty {
      // What is known of the one line, such as another host's name, goes before what is said of all.
      like.attributes.removeAll { of in line.attributes.contains { $0.key == of.key } }
      like.attributes += line.attributes
    }
    if line.severity != .unspecified { like.severity = line.severity }
    if let writer = line.writer { like.source = writer }
    var entry: LogEntry
    if line.byteCount != line.bytes.count {
      // Raw, since a part of a line is no longer in its format.
      entry = like
      entry.message = line.bytes
      entry.attributes.append(LogAttribute("logs.truncated", .integer(Int64(line.byteCount))))
    } else if format == .raw {
      entry = like
      entry.message = line.bytes
    } else {
      if rulesDeadline <= now {
        rules.now = SystemClock.wall()
        rulesDeadline = now + Self.rulesDuration
      }
      let sourced = like.attributes.count
      entry = format.entry(line.bytes, like: like, rules)
      if sourced > 0, entry.attributes.count > sourced { Self.tellApart(&entry.attributes, sourced) }
    }
    if line.time != 0 { entry.time = line.time } else if entry.time == 0 { entry.time = line.arrival }
    return entry
  }

  /// What a source says of its lines counts; a field of the line with the same name is kept as `line.NAME`.
  private static func tellApart(_ attributes: inout [LogAttribute], _ sourced: Int) {
    for place in sourced..<attributes.count {
      for other in 0..<sourced where attributes[other].key == attributes[place].key {
        attributes[place].key = "line." + attributes[place].key
        break
      }
    }
  }
}

extension SourceLine {
  /// Whether it is whole, and its source says no more of it than a time.
  fileprivate var isPlain: Bool {
    byteCount == bytes.count && attributes.isEmpty && severity == .unspecified && writer == nil
  }
}
