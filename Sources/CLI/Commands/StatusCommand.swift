internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// `logs status`: how the server is doing.
enum StatusCommand {
  static let command = Command(
    name: "status", synopsis: "", summary: "show the server's version, uptime, connections, counts and storage",
    details: """
      Shows what the server reports about itself, one fact a line, in numbers for people; -o json has the
      exact ones, with their units in the names. Counts that end with _total are those since the server
      started; appended_entries_last_minute comes with what it is a second, and
      appended_entries_last_second is what comes in now.

      With --watch it shows them each second until it is interrupted, and how much each count has grown a
      second.
      """, options: options, run: run)

  private static let options = [
    Option.reportFormat, Option("watch", ["w"], help: "show it again each second, with rates"),
  ]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    if let word = arguments.operands.first {
      throw CommandError.usage("status takes no '\(word)'; see logs help status")
    }
    let format = try arguments.reportFormat()
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    if arguments.has("watch") {
      try await Terminal.whileRead { try await watch(client, format) }
    } else {
      try report(try await client.status(), rates: nil).write(format)
    }
    await client.shutdown(deadline: .seconds(1))
    return ExitCode.done
  }

  private static func watch(_ client: LogClient, _ format: Report.Format) async throws {
    var shown = Shown()
    while let facts = try await facts(client) {
      try shown.show(facts, format)
      guard await isTimeForNext() else { return }
    }
  }

  private static func isTimeForNext() async -> Bool {
    do {
      try await Task.sleep(for: .seconds(1))
      return true
    } catch {
      return false
    }
  }

  /// What was shown last.
  private struct Shown {
    private var counts: [String: UInt64] = [:]
    private var time = SystemClock.monotonic()

    mutating func show(_ facts: [ServerFact], _ format: Report.Format) throws {
      let now = SystemClock.monotonic()
      let rates = StatusCommand.rates(of: facts, since: counts, elapsed: now - time)
      if format == .table, Terminal.isOutputTerminal { _ = try Terminal.write(Array("\u{1b}[H\u{1b}[J".utf8)) }
      try StatusCommand.report(facts, rates: rates).write(format)
      for fact in facts { counts[fact.key] = fact.count }
      time = now
    }
  }

  /// - Returns: nil when a signal came, or nobody reads any more.
  private static func facts(_ client: LogClient) async throws(LogError) -> [ServerFact]? {
    do {
      return try await client.status()
    } catch {
      if error.code == .cancelled { return nil }
      throw error
    }
  }

  /// By how much each count has grown a second; none the first time.
  private static func rates(
    of facts: [ServerFact], since last: [String: UInt64], elapsed nanoseconds: Int64
  ) -> [String: UInt64] {
    let seconds = Double(max(nanoseconds, 1)) / 1e9
    var rates: [String: UInt64] = [:]
    for fact in facts where fact.key.hasSuffix("_total") {
      guard let count = fact.count, let before = last[fact.key], count >= before else { continue }
      rates[fact.key] = UInt64(clamping: Int64((Double(count - before) / seconds).rounded()))
    }
    return rates
  }

  private static func report(_ facts: [ServerFact], rates: [String: UInt64]?) -> Report {
    let uptime = facts.first { $0.key == "uptime_seconds" }?.count ?? 0
    var columns: [Report.Column<ServerFact>] = [
      Report.Column(nil, "FACT") { .text(name(of: $0.key)) },
      Report.Column(nil, "VALUE") { .text(text(of: $0) + ofOneSecond($0, uptime: uptime)) },
    ]
    if let rates {
      columns.append(
        Report.Column(nil, "PER SECOND", isNumber: true) { fact in
          .text(rates[fact.key].map { text(of: fact.key, $0) } ?? "")
        })
    }
    let record = Datum.record(facts.map { ($0.key, datum($0.value)) })
    return Report(table: Table(facts, columns, zone: .utc), records: [record])
  }

  private static func datum(_ value: ServerFact.Value) -> Datum {
    switch value {
    case .number(let number): .count(number)
    case .text(let text): .text(text)
    }
  }

  private static func text(of fact: ServerFact) -> String {
    switch fact.value {
    case .number(let number): text(of: fact.key, number)
    case .text(let text): text
    }
  }

  /// What a count of the last minute is a second.
  private static func ofOneSecond(_ fact: ServerFact, uptime seconds: UInt64) -> String {
    guard fact.key.hasSuffix("_last_minute"), let count = fact.count else { return "" }
    return ", \(Figures.grouped(count / min(max(seconds, 1), 60))) a second"
  }

  /// Without the units, which values for people say themselves.
  static func name(of key: String) -> String {
    key.split(separator: "_").filter { !["bytes", "microseconds", "seconds"].contains($0) }.joined(separator: "_")
  }

  /// A number for people, by the unit in its name.
  static func text(of key: String, _ number: UInt64) -> String {
    let words = key.split(separator: "_")
    if words.contains("bytes") { return ByteSize.rounded(number) }
    if words.contains("microseconds") { return Figures.span(microseconds: number) }
    if words.last == "seconds" { return Figures.span(seconds: number) }
    if ["disk_low", "clock_doubted"].contains(key) { return number == 0 ? "no" : "yes" }
    return Figures.grouped(number)
  }
}

extension ServerFact {
  fileprivate var count: UInt64? {
    if case .number(let number) = value { number } else { nil }
  }
}
