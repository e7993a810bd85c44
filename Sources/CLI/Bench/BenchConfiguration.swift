internal import LogsClient
internal import LogsText
internal import LogsWire

/// What to measure, and how much of it: the flags of `logs bench`, checked.
struct BenchConfiguration: Sendable {
  enum Kind: String, CaseIterable, Sendable {
    case append
    case ack
    case tail
    case read
    case search
    case corpus

    /// The flags of this kind; those of all kinds are left out.
    fileprivate var flags: Set<String> {
      switch self {
      case .append: ["corpus", "producers", "streams", "batch", "entries", "repeat", "output"]
      case .ack: ["corpus", "connections", "streams", "seconds", "repeat", "output"]
      case .tail: ["corpus", "rate", "followers", "batch", "seconds", "repeat", "output"]
      case .read: ["corpus", "stream", "entries", "decode", "repeat", "output"]
      case .search: ["corpus", "stream", "entries", "filter", "repeat", "output"]
      case .corpus: ["entries"]
      }
    }
  }

  /// What a delivered batch is turned into before it counts as read.
  enum Decoding: String, CaseIterable, Sendable {
    case batches
    case entries
  }

  var kind: Kind
  /// nil for the generator.
  var corpusPath: String?
  var producerCount = 1
  var batchEntryCount = 1
  var entryCount: UInt64 = 1_000_000
  var connectionCount = 1
  /// For all producers or connections.
  var streamCount = 1
  var seconds = 5.0
  var rate: UInt64 = 1_000
  var followerCount = 1
  /// nil for one that is created.
  var stream: StreamName?
  var decoding = Decoding.entries
  var filterText: String?
  var repeatCount = 3
  var format = Report.Format.table

  static let options = [
    Option(
      "corpus", form: "FILE",
      help: "the lines to use, raw or as logs bench corpus writes them (default: built-in lines)"),
    Option("producers", form: "N", help: "append: connections, each with streams of its own (default 1)"),
    Option("batch", form: "N", help: "append, tail: entries in a batch (default: 1000 for append, 1 for tail)"),
    Option("entries", form: "N", help: "append, read, search, corpus: entries in all (default 1000000)"),
    Option("connections", form: "N", help: "ack: connections (default 1)"),
    Option(
      "streams", form: "N",
      help:
        """
        append: streams that the batches go to in turn (default: one for each producer); ack: streams that the \
        connections share, or 'shared' for one (default)
        """),
    Option("seconds", form: "S", help: "ack, tail: how long a run takes (default 5)"),
    Option("rate", form: "N", help: "tail: entries a second (default 1000)"),
    Option("followers", form: "N", help: "tail: followers, each with a connection of its own (default 1)"),
    Option("filter", form: "FILTER", help: "search: which entries to count"),
    Option("stream", form: "STREAM", help: "read, search: the stream (default: one that is created for it)"),
    Option("decode", form: "WHAT", help: "read: entries (default), or batches, which are checked but not decompressed"),
    Option("repeat", form: "N", help: "number of runs, whose medians are shown (default 3)"),
    Option.reportFormat,
  ]

  init(_ arguments: Arguments) throws {
    let kinds = Kind.allCases.map(\.rawValue)
    guard let word = arguments.operands.first, arguments.operands.count == 1 else {
      throw CommandError.usage("bench takes one of \(kinds.joined(separator: ", ")); see logs help bench")
    }
    guard let kind = Kind(rawValue: word) else { throw CommandError.notOne(word, of: kinds, for: "bench") }
    self.kind = kind
    for option in Self.options where arguments.value(option.name) != nil && !kind.flags.contains(option.name) {
      throw CommandError.usage("bench \(kind.rawValue) has no --\(option.name); see logs help bench")
    }
    format = try arguments.reportFormat()
    corpusPath = arguments.value("corpus")
    producerCount = try arguments.count("producers", upTo: Self.connectionCountMax) ?? 1
    batchEntryCount =
      try arguments.count("batch", upTo: Self.batchEntryCountMax) ?? (kind == .tail ? 1 : Self.bulkEntryCount)
    entryCount = try arguments.number("entries", atLeast: 1) ?? entryCount
    connectionCount = try arguments.count("connections", upTo: Self.connectionCountMax) ?? 1
    if kind == .append {
      streamCount = try arguments.count("streams", upTo: Self.streamCountMax) ?? producerCount
      guard streamCount >= producerCount else {
        throw CommandError.usage("--streams must be at least \(producerCount): each producer has its own")
      }
      guard arguments.value("streams") == nil || entryCount >= UInt64(streamCount * batchEntryCount) else {
        throw CommandError.usage(
          """
          --entries must be at least \(streamCount * batchEntryCount): a batch of \(batchEntryCount) for each of \
          \(Figures.count(streamCount, "stream", "streams")); or set --batch
          """
        )
      }
    } else if let streams = arguments.value("streams"), streams != "shared" {
      streamCount = try arguments.count("streams", upTo: connectionCount) ?? 1
    }
    seconds = try arguments.seconds("seconds") ?? seconds
    rate = try UInt64(arguments.count("rate", upTo: Self.rateMax) ?? 1_000)
    followerCount = try arguments.count("followers", upTo: Self.connectionCountMax) ?? 1
    stream = try arguments.value("stream").map { try StreamName($0) }
    if stream != nil, arguments.value("entries") != nil {
      throw CommandError.usage("--entries is for a stream that bench creates; --stream names an existing one")
    }
    if let text = arguments.value("decode") {
      guard let decoding = Decoding(rawValue: text) else {
        throw CommandError.notOne(text, of: Decoding.allCases.map(\.rawValue), for: "--decode")
      }
      self.decoding = decoding
    }
    filterText = arguments.value("filter")
    if kind == .search, filterText == nil {
      throw CommandError.usage("bench search takes a --filter; see logs help bench")
    }
    repeatCount = try arguments.count("repeat", upTo: Self.repeatCountMax) ?? repeatCount
  }

  /// What to search for.
  func filter() throws -> Filter { try Filter(filterText ?? "") }

  /// Entries of a batch by default: for `append`, and for streams that are created to be read.
  static let bulkEntryCount = 1_000

  private static let batchEntryCountMax = 65_536
  private static let connectionCountMax = 100_000
  private static let streamCountMax = 10_000_000
  private static let rateMax = 100_000_000
  private static let repeatCountMax = 1_000

  /// Connections that a run holds open at once, including the one that asks the server for its CPU time.
  var descriptorCount: Int {
    switch kind {
    case .append: producerCount + 1
    case .ack: connectionCount + 1
    case .tail: followerCount + 2
    case .read, .search: 2
    case .corpus: 0
    }
  }

  /// How many lines are generated. More are not needed, since each batch is compressed on its own.
  var generatedLineCount: Int {
    switch kind {
    case .append, .read, .search: Int(min(entryCount, 200_000))
    case .ack, .tail: 20_000
    case .corpus: 0
    }
  }
}

extension Arguments {
  /// A whole number from 1 to `limit`.
  fileprivate func count(_ option: String, upTo limit: Int) throws(CommandError) -> Int? {
    guard let number = try number(option, atLeast: 1) else { return nil }
    guard number <= limit else { throw .usage("--\(option) takes at most \(limit), not \(number)") }
    return Int(number)
  }

  fileprivate func seconds(_ option: String) throws(CommandError) -> Double? {
    guard let text = value(option) else { return nil }
    guard let seconds = Double(text), seconds > 0, seconds <= 86_400 else {
      throw .usage("--\(option) takes seconds, more than 0 and at most 86400, not '\(text)'")
    }
    return seconds
  }
}
