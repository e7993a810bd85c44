internal import LogsClient
internal import LogsText

/// `logs streams`: lists the streams.
enum StreamsCommand {
  static let command = Command(
    name: "streams", synopsis: "[PATTERN]", summary: "list the streams with their sequence numbers, sizes and states",
    details: "Lists the streams whose names match PATTERN (default: all). Patterns as in logs help follow.",
    options: options, run: run)

  private static let options = [Option.reportFormat, Option("utc", help: "show times in UTC")]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    if arguments.operands.count > 1 { throw CommandError.usage("streams takes one pattern; quote it") }
    let pattern = try arguments.operands.first.map { try StreamPattern($0) }
    let format = try arguments.reportFormat()
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let streams = try await client.streams(matching: pattern)
    await client.shutdown(deadline: .seconds(1))
    try Report(streams, columns, isUTC: arguments.has("utc")).write(format)
    return ExitCode.done
  }

  private static var columns: [Report.Column<StreamSummary>] {
    [
      Report.Column("name", "NAME") { .text($0.stream.text) },
      Report.Column("incarnation", nil) { .text($0.incarnation.description) },
      .count("first", "FIRST", \.first), .count("last", "LAST", \.head), .count("entries", "ENTRIES", \.entryCount),
      .count("bytes", "BYTES", \.byteCount),
      Report.Column("last_received", "LAST TIME") { .time($0.lastReceived) },
      Report.Column("state", "STATE") { .text($0.isSealed ? "sealed" : "open") },
    ]
  }
}
