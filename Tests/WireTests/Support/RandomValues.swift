@testable import LogsSimulation
@testable import LogsWire

/// Random entries and messages of every shape that the format allows.
enum RandomValues {
  static func entry(_ random: inout SeededGenerator, large: Bool = false) -> LogEntry {
    var entry = LogEntry(message: message(&random, large: large))
    entry.time = time(&random)
    entry.severity = LogSeverity(number: UInt8.random(in: 0...24, using: &random)) ?? .unspecified
    switch Int.random(in: 0..<4, using: &random) {
    case 0: entry.source = ByteString()
    case 1: entry.source = ByteString(random.bytes(Int.random(in: 0...255, using: &random)))
    default: entry.source = ByteString("source \(Int.random(in: 0..<4, using: &random))")
    }
    entry.kind = random.chance(10) ? .status : .log
    if random.chance(3) { entry.attributes = attributes(&random, depth: 0) }
    return entry
  }

  private static func message(_ random: inout SeededGenerator, large: Bool) -> ByteString {
    if large, random.chance(20) {
      return ByteString(random.bytes(Int.random(in: (1 << 19)...(1 << 20), using: &random)))
    }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return ByteString()
    case 1: return ByteString(random.bytes(Int.random(in: 1...300, using: &random)))
    default: return ByteString("GET /item/\(Int.random(in: 0..<1000, using: &random)) 200")
    }
  }

  static func time(_ random: inout SeededGenerator) -> Int64 {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: 0
    case 1: [Int64.min, .max, -1, 1].randomElement(using: &random) ?? 0
    case 2: Int64.random(in: .min ... .max, using: &random)
    default: 1_767_225_600_000_000_000 + Int64.random(in: 0..<1_000_000_000, using: &random)
    }
  }

  /// At most 256 values in all: up to four on each level, and a chain of lists and maps down to the last level allowed.
  static func attributes(_ random: inout SeededGenerator, depth: Int) -> [LogAttribute] {
    (0..<Int.random(in: 1...4, using: &random)).map { index in
      let text = random.chance(8) ? String(repeating: "k", count: 200) : "key"
      return LogAttribute("\(text)\(index)", value(&random, depth: index == 0 ? depth : Limits.attributeDepthMax))
    }
  }

  private static func value(_ random: inout SeededGenerator, depth: Int) -> AttributeValue {
    if depth < Limits.attributeDepthMax, !random.chance(6) {
      if random.chance(2) { return .map(attributes(&random, depth: depth + 1)) }
      return .list((0..<Int.random(in: 0...3, using: &random)).map { _ in .empty } + [value(&random, depth: depth + 1)])
    }
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return .empty
    case 1: return .string("text \u{1F600} \(Int.random(in: 0..<100, using: &random))")
    case 2: return .boolean(random.chance(2))
    case 3: return .integer(Int64.random(in: .min ... .max, using: &random))
    case 4: return .double(Double.random(in: -1e300...1e300, using: &random))
    case 5: return depth < Limits.attributeDepthMax ? .list([]) : .integer(-1)
    case 6: return depth < Limits.attributeDepthMax ? .map([]) : .boolean(false)
    default: return .bytes(ByteString(random.bytes(Int.random(in: 0...40, using: &random))))
    }
  }

  // MARK: - Messages

  private static func number(_ random: inout SeededGenerator) -> UInt64 {
    [1, 2, Limits.numberMax, UInt64.random(in: 1...Limits.numberMax, using: &random)].randomElement(using: &random) ?? 1
  }

  static func name(_ random: inout SeededGenerator) -> StreamName {
    let parts = (0..<Int.random(in: 1...3, using: &random)).map { _ in
      String((0..<Int.random(in: 1...12, using: &random)).map { _ in Character(letter(&random)) })
    }
    let text = parts.joined(separator: "/")
    do { return random.chance(8) ? try StreamName(server: "$" + text) : try StreamName(text) } catch {
      fatalError("\(error)")
    }
  }

  private static func letter(_ random: inout SeededGenerator) -> Unicode.Scalar {
    let letters = Array("ABCXYZabcxyz0189._:@-".unicodeScalars)
    return letters[Int.random(in: 0..<letters.count, using: &random)]
  }

  static func clientName(_ random: inout SeededGenerator) -> StreamName {
    while true {
      let name = name(&random)
      if !name.text.hasPrefix("$") { return name }
    }
  }

  static func text(_ random: inout SeededGenerator, limit: Int) -> String {
    String(
      (0..<Int.random(in: 0...(random.chance(5) ? limit : 30), using: &random)).map { _ in Character(letter(&random)) })
  }

  private static func selector(_ random: inout SeededGenerator) -> StreamSelector {
    guard random.chance(2) else { return .stream(name(&random)) }
    do {
      return .pattern(try StreamPattern(["**", "a/*", "$*", "we?", "*/x"].randomElement(using: &random) ?? "*"))
    } catch {
      fatalError("\(error)")
    }
  }

  static func refusal(_ random: inout SeededGenerator) -> Refusal {
    Refusal(
      RefusalCode(rawValue: UInt16.random(in: 0...60, using: &random)), text(&random, limit: 1024),
      isRetryable: random.chance(2), mayHaveTakenEffect: random.chance(2),
      retryAfterMilliseconds: UInt32.random(in: 0...UInt32.max, using: &random),
      expected: random.chance(2) ? number(&random) : nil,
      limit: random.chance(2) ? .init(text(&random, limit: 200), number(&random)) : nil,
      stream: random.chance(2)
        ? .init(name: name(&random).text, incarnation: Incarnation(random.next()), head: number(&random)) : nil)
  }

  static func follow(_ random: inout SeededGenerator) -> Follow {
    let starts: [FollowStart] = [
      .first, .now, .last(random.next()), .since(time(&random)), .from(number(&random)),
    ]
    var cursor: [StreamName: CursorPosition] = [:]
    for _ in 0..<Int.random(in: 0...5, using: &random) {
      let stream = name(&random)
      cursor[stream] = CursorPosition(
        stream: stream, incarnation: Incarnation(random.next()), sequence: number(&random))
    }
    return Follow(
      credit: random.next(), selectors: (0..<Int.random(in: 1...5, using: &random)).map { _ in selector(&random) },
      start: starts.randomElement(using: &random) ?? .first,
      end: FollowEnd(
        atHead: random.chance(2), sequence: random.chance(2) ? number(&random) : nil,
        time: random.chance(2) ? time(&random) : nil, limit: random.chance(2) ? random.next() : nil),
      isReverse: random.chance(2), cursor: cursor.values.sorted { $0.stream < $1.stream })
  }

  private static func listing(_ random: inout SeededGenerator) -> Listing {
    let names = Set((0..<Int.random(in: 0...20, using: &random)).map { _ in name(&random) }).sorted()
    return Listing(
      streams: names.map {
        let first = number(&random)
        return StreamSummary(
          stream: $0, incarnation: Incarnation(random.next()), first: first,
          head: UInt64.random(in: (first - 1)...Limits.numberMax, using: &random), entryCount: random.next(),
          byteCount: random.next(), lastReceived: time(&random), isSealed: random.chance(2))
      }, hasMore: random.chance(2))
  }

  /// With the filter of each fourth one; filters are tested elsewhere.
  static func query(_ random: inout SeededGenerator) -> Query {
    let kinds: [QueryKind] = [
      .count, .histogram(width: Int64.random(in: 1 ... .max, using: &random)), .histogram(width: 1),
      .fields(valueCountMax: Int.random(in: 1...Limits.fieldValueCountMax, using: &random)),
    ]
    let filters = ["level>=warn", "timeout -health", "status:(500,502) OR \"\u{e9}\"", "time:2026-01-01T00:00:00Z.."]
    do {
      return Query(
        kinds.randomElement(using: &random) ?? .count,
        (0..<Int.random(in: 1...5, using: &random)).map { _ in selector(&random) },
        filter: try random.chance(4) ? Filter(filters.randomElement(using: &random) ?? "") : nil)
    } catch {
      fatalError("\(error)")
    }
  }

  /// An answer to such a query.
  static func result(_ random: inout SeededGenerator, of query: Query) -> QueryResult {
    var result = QueryResult(entryCount: 0, missingCount: random.next(), isCapped: random.chance(2))
    switch query.kind {
    case .count: result.entryCount = random.next()
    case .histogram(let width):
      var starts: Set<Int64> = []
      for _ in 0..<Int.random(in: 0...30, using: &random) {
        starts.insert(Tally.bucket(of: time(&random), width: width))
      }
      for start in starts.sorted() {
        let counts = (0..<HistogramBucket.levelCount).map { _ in UInt64.random(in: 0...1 << 40, using: &random) }
        result.buckets.append(HistogramBucket(start: start, counts: [counts[0] + 1] + counts[1...]))
      }
      result.entryCount = result.buckets.reduce(0) { $0 + $1.total }
    case .fields(let valueCountMax):
      result.entryCount = UInt64.random(in: 0...Limits.numberMax, using: &random)
      result.fields = (0..<Int.random(in: 0...20, using: &random)).map { field(&random, $0, valueCountMax, result) }
    }
    return result
  }

  private static func field(
    _ random: inout SeededGenerator, _ index: Int, _ valueCountMax: Int, _ result: QueryResult
  ) -> FieldSummary {
    let count = UInt64.random(in: 0...result.entryCount, using: &random)
    let kind: FieldSummary.Kind = index == 0 ? .source : index == 1 ? .level : .attribute
    let valueCount = count == 0 ? 0 : Int.random(in: 0...min(valueCountMax, 5), using: &random)
    let counts = (0..<valueCount).map { _ in UInt64.random(in: 1...count, using: &random) }.sorted(by: >)
    return FieldSummary(
      kind: kind, name: kind == .attribute ? "\(index).\(text(&random, limit: 250))" : "", entryCount: count,
      values: counts.map { FieldValue(text: text(&random, limit: Limits.fieldTextByteCountMax), count: $0) },
      isCapped: random.chance(2))
  }

  private static func range(_ random: inout SeededGenerator) -> (from: UInt64, to: UInt64) {
    let from = number(&random)
    return (from, UInt64.random(in: from...Limits.numberMax, using: &random))
  }

  private static func deletion(_ random: inout SeededGenerator, _ numbers: ClosedRange<UInt64>?) -> DeletionSummary {
    let entryCount = numbers.map { UInt64.random(in: 1...($0.upperBound - $0.lowerBound + 1), using: &random) }
    return DeletionSummary(
      incarnation: Incarnation(random.next()), numbers: numbers, entryCount: entryCount ?? 0, byteCount: random.next())
  }

  private static func dictionary(_ random: inout SeededGenerator) -> BatchDictionary {
    let count = Int.random(in: Limits.dictionaryByteCountMin...2_000, using: &random)
    do { return try BatchDictionary(content: ByteString(random.bytes(count))) } catch {
      preconditionFailure("random bytes are a dictionary of raw content: \(error)")
    }
  }

  /// One message of each type.
  static func messages(_ random: inout SeededGenerator) -> [Message] {
    let lowest = UInt8.random(in: 1...255, using: &random)
    let number = number(&random)
    let range = range(&random)
    let head = UInt64.random(in: 0...Limits.numberMax, using: &random)
    let count = UInt32.random(in: 1...10, using: &random)
    let query = query(&random)
    return [
      .hello(
        Hello(
          versions: lowest...UInt8.random(in: lowest...255, using: &random),
          features: Hello.Features(rawValue: random.next()),
          frameByteCountMax: UInt32.random(in: UInt32(Limits.frameByteCountMin) ... .max, using: &random),
          client: text(&random, limit: 255), token: text(&random, limit: 4096))),
      .welcome(Sample.welcome(heartbeat: UInt32.random(in: 0...UInt32.max, using: &random))),
      .error(refusal(&random)), .ping(random.next()), .pong(random.next()),
      .goAway(
        GoAway(
          retryAfterMilliseconds: count, text: text(&random, limit: 1024),
          advice: GoAway.Advice(rawValue: UInt8.random(in: 0...2, using: &random)))),
      .append(
        Append(
          producer: ProducerID(high: random.next(), low: random.next()), number: number,
          floor: UInt64.random(in: 1...number, using: &random), stream: clientName(&random),
          batch: ByteString(random.bytes(Int.random(in: 0...500, using: &random))))),
      .ack(
        {
          var ack = Ack(
            isDuplicate: random.chance(2), incarnation: Incarnation(random.next()), firstSequence: 1,
            count: UInt64.random(in: UInt64(count)...Limits.numberMax, using: &random))
          ack.appendCount = count
          return ack
        }()),
      .complete(
        Complete(
          producer: ProducerID(high: random.next(), low: random.next()), number: number, floor: number,
          stream: clientName(&random), text: text(&random, limit: 1024))),
      .follow(follow(&random)),
      .stream(
        Announcement(
          handle: UInt32.random(in: 0...UInt32.max, using: &random), isSealed: random.chance(2),
          incarnation: Incarnation(random.next()), position: UInt64.random(in: 0...head + 1, using: &random),
          head: head, stream: name(&random))),
      .resolved(streamCount: count),
      .batch(
        BatchRange(handle: count, from: range.from, to: range.to),
        batches: ByteString(random.bytes(Int.random(in: 0...500, using: &random)))),
      .skip(
        Skip(
          handle: count, reason: SkipReason(rawValue: UInt8.random(in: 1...5, using: &random)) ?? .lost,
          from: range.from, to: range.to)),
      .live, .end(EndReason(rawValue: UInt8.random(in: 0...255, using: &random))), .credit(total: random.next()),
      .cancel,
      .list(
        ListRequest(
          limit: UInt16.random(in: 1...1000, using: &random), pattern: random.chance(2) ? .all : nil,
          after: random.chance(2) ? name(&random) : nil)),
      .listing(listing(&random)), .stat,
      .status(
        (0..<count).map {
          $0 % 2 == 0 ? ServerFact("number \($0)", random.next()) : ServerFact("text \($0)", "value")
        }),
      .heads((0..<count).map { StreamHead(handle: $0, head: number) }), .query(query),
      .progress(
        QueryProgress(entryCount: random.next(), allEntryCount: random.next(), readByteCount: random.next())),
      .result(result(&random, of: query)),
      .delete(
        DeleteRequest(
          stream: name(&random), incarnation: Incarnation(random.next()),
          numbers: random.chance(2) ? range.from...range.to : nil, isDryRun: random.chance(2))),
      .deleted(deletion(&random, random.chance(2) ? range.from...range.to : nil)),
      .dictionary(dictionary(&random)),
      .auth(token: text(&random, limit: 4096)), .authorized,
      .challenge(Challenge(graceMilliseconds: count, text: text(&random, limit: 1024))),
    ]
  }
}
