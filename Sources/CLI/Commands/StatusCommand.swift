internal import LogsClient
internal import LogsText

/// `logs status`: how the server is doing.
enum StatusCommand {
  static let command = Command(
    name: "status", synopsis: "", summary: "show the server's version, uptime, connections, counts and storage",
    details: "Shows what the server reports about itself, one fact a line. Names end with the unit.", options: options,
    run: run)

  private static let options = [Option.reportFormat]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    if let word = arguments.operands.first {
      throw CommandError.usage("status takes no '\(word)'; see logs help status")
    }
    let format = try arguments.reportFormat()
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let facts = try await client.status()
    await client.shutdown(deadline: .seconds(1))
    let columns: [Report.Column<ServerFact>] = [
      Report.Column(nil, "FACT") { .text($0.key) }, Report.Column(nil, "VALUE") { datum($0.value) },
    ]
    let record = Datum.record(facts.map { ($0.key, datum($0.value)) })
    try Report(table: Table(facts, columns, isUTC: true), records: [record]).write(format)
    return ExitCode.done
  }

  private static func datum(_ value: ServerFact.Value) -> Datum {
    switch value {
    case .number(let number): .count(number)
    case .text(let text): .text(text)
    }
  }
}
