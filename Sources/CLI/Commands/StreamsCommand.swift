internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// `logs streams`: lists the streams.
enum StreamsCommand {
  static let command = Command(
    name: "streams", synopsis: "[PATTERN]", summary: "list the streams with their sequence numbers, sizes and states",
    details: """
      Lists the streams whose names match PATTERN (default: all). Patterns as in logs help follow. FIRST is
      the first sequence number that is kept, STORED the compressed bytes of the entries that are kept, IDLE
      how long ago the last entry came. A terminal that is too narrow shows fewer columns (LAST TIME, ENTRIES
      and FIRST go, in this order) and shortens long names; in a pipe everything is whole.
      """, options: options, run: run)

  private static let options =
    [
      Option(
        "sort", form: "BY", help: "name (default), entries, bytes or time: largest and latest first"),
      Option.reportFormat,
    ] + TimeZoneOption.all

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    if arguments.operands.count > 1 { throw CommandError.usage("streams takes one pattern; quote it") }
    if arguments.operands.first == "" { throw CommandError.usage(NamedStream.emptyWord) }
    let patterns = try arguments.operands.first.map { try Braces.words($0).map { try StreamPattern($0) } } ?? [.all]
    let format = try arguments.reportFormat()
    let order = try order(arguments)
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    var streams: [StreamSummary] = []
    for pattern in patterns { streams += try await client.streams(matching: pattern) }
    // A stream may match several.
    if patterns.count > 1 { streams = Set(streams).sorted { $0.stream < $1.stream } }
    streams = order.sorted(streams)
    if streams.isEmpty, let word = arguments.operands.first {
      Terminal.note(IdlePatterns([word], among: try await NearbyNames.existing(for: [word], client)).absent)
    }
    await client.shutdown(deadline: .seconds(1))
    try Report(streams, columns(now: SystemClock.wall()), zone: try TimeZoneOption.zone(arguments) ?? .local).write(
      format)
    return ExitCode.done
  }

  private enum Order: String, CaseIterable {
    case name, entries, bytes, time

    /// They come in the order of their names, which stays where nothing else decides.
    func sorted(_ streams: [StreamSummary]) -> [StreamSummary] {
      switch self {
      case .name: streams
      case .entries: streams.sorted { $0.entryCount > $1.entryCount }
      case .bytes: streams.sorted { $0.byteCount > $1.byteCount }
      case .time: streams.sorted { $0.lastReceived > $1.lastReceived }
      }
    }
  }

  static let orders = Order.allCases.map(\.rawValue)

  private static func order(_ arguments: Arguments) throws(CommandError) -> Order {
    guard let text = arguments.value("sort") else { return .name }
    guard let order = Order(rawValue: text) else {
      throw .notOne(text, of: orders, for: "--sort")
    }
    return order
  }

  private static func columns(now: Int64) -> [Report.Column<StreamSummary>] {
    [
      Report.Column("name", "NAME", fit: .shortens) { .text($0.stream.text) },
      Report.Column("incarnation", nil) { .text($0.incarnation.description) },
      .count("first", "FIRST", fit: .leaves(3), \.first), .count("last", "LAST", \.head),
      .count("entries", "ENTRIES", fit: .leaves(2), \.entryCount),
      Report.Column("bytes", nil) { .count($0.byteCount) },
      Report.Column(nil, "STORED", isNumber: true) { .text(ByteSize.rounded($0.byteCount)) },
      Report.Column("last_received", "LAST TIME", fit: .leaves(1)) { .time($0.lastReceived) },
      Report.Column(nil, "IDLE") { stream in
        stream.lastReceived <= 0
          ? .none : .text(Figures.span(seconds: UInt64(max(0, now - stream.lastReceived) / 1_000_000_000)))
      },
      Report.Column("state", "STATE") { .text($0.isSealed ? "sealed" : "open") },
    ]
  }
}
