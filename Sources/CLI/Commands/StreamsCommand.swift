internal import LogsClient

/// `logs streams`: what streams there are.
enum StreamsCommand {
  static let command = Command(
    name: "streams", synopsis: "[PATTERN]", summary: "list the streams with their sequence numbers, sizes and states",
    details: "Lists the streams whose names match PATTERN (default: all). Patterns as in logs help follow.",
    options: options, run: run)

  private static let options = [Option.factFormat, Option("utc", help: "show times in UTC")]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    if arguments.operands.count > 1 { throw CommandError.usage("streams takes one pattern; quote it") }
    let pattern = try arguments.operands.first.map { try StreamPattern($0) }
    let wantsJSON = try arguments.wantsJSON()
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let streams = try await client.streams(matching: pattern)
    await client.shutdown(deadline: .seconds(1))
    try wantsJSON ? printJSON(streams) : printTable(streams, isUTC: arguments.has("utc"))
    return ExitCode.done
  }

  private static func printTable(_ streams: [StreamSummary], isUTC: Bool) throws {
    var table = Table([
      ("NAME", false), ("FIRST", true), ("LAST", true), ("ENTRIES", true), ("BYTES", true), ("LAST TIME", false),
      ("STATE", false),
    ])
    for stream in streams {
      table.append([
        stream.stream.text, "\(stream.first)", "\(stream.head)", "\(stream.entryCount)", "\(stream.byteCount)",
        stream.lastReceived == 0 ? "-" : Timestamp.short(stream.lastReceived, isUTC: isUTC),
        stream.isSealed ? "sealed" : "open",
      ])
    }
    try Terminal.write(line: table.text)
  }

  private static func printJSON(_ streams: [StreamSummary]) throws {
    var json = JSON()
    for stream in streams {
      json.object { json in
        json.key("name")
        json.string(stream.stream.text)
        json.key("incarnation")
        json.string(stream.incarnation.description)
        json.key("first")
        json.number(stream.first)
        json.key("last")
        json.number(stream.head)
        json.key("entries")
        json.number(stream.entryCount)
        json.key("bytes")
        json.number(stream.byteCount)
        json.key("last_received")
        if stream.lastReceived == 0 { json.null() } else { json.string(Timestamp.rfc3339(stream.lastReceived)) }
        json.key("state")
        json.string(stream.isSealed ? "sealed" : "open")
      }
      json.newline()
    }
    _ = try Terminal.write(json.bytes)
  }
}
