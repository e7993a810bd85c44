internal import LogsClient
internal import LogsText
internal import LogsWire

/// What `logs query` shows instead of entries: their number, a histogram, or what is in their fields.
enum QueryReport {
  case count
  case histogram(width: Duration)
  case fields

  static let options = [
    Option("count", help: "only how many entries there are: a number alone"),
    Option(
      "histogram", form: "WIDTH",
      help: """
        how many there are in each span of time, like 10s, 5m, 1h or 1d, with a bar of letters: F fatal, E error, w \
        warn, i info, d debug, t trace, . without a level; spans without any are left out
        """),
    Option("fields", help: "which sources, levels and attributes they have, with the 10 commonest values of each"),
  ]

  /// What the flags ask for; nil for entries.
  static func wanted(_ arguments: Arguments) throws(CommandError) -> QueryReport? {
    let flags = options.map(\.name).filter(arguments.has)
    if flags.count > 1 { throw .usage("--\(flags[0]) and --\(flags[1]) exclude each other") }
    guard let flag = flags.first else { return nil }
    let others = ["limit", "reverse", "after-context", "before-context", "context"]
    if let other = others.first(where: arguments.has) {
      throw .usage("--\(flag) shows no entries: leave out \(arguments.written(other))")
    }
    switch flag {
    case "count": return .count
    case "fields": return .fields
    default:
      let text = arguments.value("histogram") ?? ""
      guard let width = TimeSpan.parse(text) else {
        throw .usage("--histogram takes a span of time like 10s, 5m, 1h or 1d, not '\(text)'")
      }
      return .histogram(width: width)
    }
  }

  /// Asks the server.
  func result(
    _ selectors: [StreamSelector], filter: Filter?, zone: ShownZone, _ client: LogClient
  ) async throws -> QueryResult {
    defer { Terminal.progress(nil) }
    let isShown = Terminal.isErrorTerminal
    let progress: @Sendable (QueryProgress) -> Void = { progress in
      guard isShown else { return }
      let place = progress.time.map { ", up to \(Timestamp.short($0, zone: zone))" } ?? ""
      Terminal.progress(
        "looked at \(progress.entryCount) of \(Figures.count(progress.allEntryCount, "entry", "entries"))\(place)")
    }
    switch self {
    case .count: return try await client.count(selectors, filter: filter, progress: progress)
    case .histogram(let width):
      func histogram(_ width: Duration) async throws(LogError) -> QueryResult {
        try await client.histogram(selectors, filter: filter, width: width, progress: progress)
      }
      guard let days = LocalDays(width, zone) else { return try await histogram(width) }
      do throws(LogError) {
        var result = try await histogram(days.part)
        result.buckets = days.summed(result.buckets)
        return result
      } catch {
        guard error.refusal?.limit?.name == "query-buckets" else { throw error }
        let result = try await histogram(width)
        Terminal.note("days begin at midnight in UTC, not here: there are too many hours with entries to be summed")
        return result
      }
    case .fields: return try await client.fields(selectors, filter: filter, progress: progress)
    }
  }

  func report(of result: QueryResult, zone: ShownZone) -> Report {
    switch self {
    case .count: Report([result.entryCount], [.count("count", "ENTRIES") { $0 }], zone: zone)
    case .histogram: Self.histogram(result.buckets, zone: zone)
    case .fields: Self.fields(result.fields, zone: zone)
    }
  }

  private static let levels = ["unspecified", "trace", "debug", "info", "warn", "error", "fatal"]
  private static let barWidth: UInt64 = 40

  private static func histogram(_ buckets: [HistogramBucket], zone: ShownZone) -> Report {
    let most = max(buckets.map(\.total).max() ?? 1, 1)
    func count(_ bucket: HistogramBucket, _ level: Int) -> UInt64 {
      level < bucket.counts.count ? bucket.counts[level] : 0
    }
    return Report(
      buckets,
      [
        Report.Column("start", "TIME") { .time($0.start) },
        .count("count", "ENTRIES", \.total),
        Report.Column(nil, "WARN", isNumber: true) { .count(count($0, 4)) },
        Report.Column(nil, "ERROR", isNumber: true) { .count(count($0, 5) + count($0, 6)) },
        Report.Column(nil, "BY LEVEL") { .text(bar($0.counts, most: most)) },
        Report.Column("levels", nil) { bucket in
          .record(levels.indices.map { (levels[$0], .count(count(bucket, $0))) })
        },
      ], zone: zone)
  }

  /// Of a row that is `most` long, a letter for each part; the worst levels first, so that a single error shows.
  static func bar(_ counts: [UInt64], most: UInt64) -> String {
    var bar = ""
    var sum: UInt64 = 0
    for (level, letter) in zip(counts.indices, ".tdiwEF").reversed() {
      sum += counts[level]
      let (product, isTooMany) = sum.multipliedReportingOverflow(by: barWidth)
      let end = isTooMany ? barWidth : (product + most - 1) / most
      bar += String(repeating: letter, count: Int(end) - bar.utf8.count)
    }
    return bar
  }

  /// For people a row for each value, for programs an object for each field.
  private static func fields(_ fields: [FieldSummary], zone: ShownZone) -> Report {
    let rows = fields.flatMap { field in
      field.values.enumerated().map { (field: field, isFirst: $0.offset == 0, value: $0.element) }
    }
    let columns: [Report.Column<(field: FieldSummary, isFirst: Bool, value: FieldValue)>] = [
      Report.Column(nil, "FIELD") { .text($0.isFirst ? name(of: $0.field) : "") },
      Report.Column(nil, "ENTRIES", isNumber: true) { $0.isFirst ? .count($0.field.entryCount) : .text("") },
      Report.Column(nil, "COUNT", isNumber: true) { .count($0.value.count) },
      Report.Column(nil, "VALUE") { .text($0.value.text) },
    ]
    let records = fields.map { field in
      Datum.record([
        ("field", .text(name(of: field))), ("kind", .text("\(field.kind)")), ("entries", .count(field.entryCount)),
        ("capped", .flag(field.isCapped)),
        (
          "values",
          .list(field.values.map { .record([("value", .text($0.text)), ("count", .count($0.count))]) })
        ),
      ])
    }
    return Report(table: Table(rows, columns, zone: zone), records: records)
  }

  private static func name(of field: FieldSummary) -> String {
    switch field.kind {
    case .source: "source"
    case .level: "level"
    case .attribute: field.name
    }
  }
}
