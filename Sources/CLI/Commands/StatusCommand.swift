internal import LogsClient

/// `logs status`: how the server is doing.
enum StatusCommand {
  static let command = Command(
    name: "status", synopsis: "", summary: "show the server's version, uptime, connections, counts and storage",
    details: "Shows what the server tells of itself: one fact a line, units last in the names.", options: options,
    run: run)

  private static let options = [Option.factFormat]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    if let word = arguments.operands.first {
      throw CommandError.usage("status takes no '\(word)'; see logs help status")
    }
    let wantsJSON = try arguments.wantsJSON()
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let facts = try await client.status()
    await client.shutdown(deadline: .seconds(1))
    try wantsJSON ? printJSON(facts) : printTable(facts)
    return ExitCode.done
  }

  private static func printTable(_ facts: [ServerFact]) throws {
    var table = Table([("FACT", false), ("VALUE", false)])
    for fact in facts {
      switch fact.value {
      case .number(let number): table.append([fact.key, "\(number)"])
      case .text(let text): table.append([fact.key, text])
      }
    }
    try Terminal.write(line: table.text)
  }

  private static func printJSON(_ facts: [ServerFact]) throws {
    var json = JSON()
    json.object { json in
      for fact in facts {
        json.key(fact.key)
        switch fact.value {
        case .number(let number): json.number(number)
        case .text(let text): json.string(text)
        }
      }
    }
    json.newline()
    _ = try Terminal.write(json.bytes)
  }
}
