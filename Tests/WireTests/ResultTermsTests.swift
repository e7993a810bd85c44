import Testing

@testable import LogsSimulation
@testable import LogsWire

/// A client accepts no RESULT that its QUERY did not ask for, or that does not add up.
@Suite struct `Result terms` {
  private static let histogram = QueryKind.histogram(width: 10)
  private static let fields = QueryKind.fields(valueCountMax: 2)
  private static let violation = [
    "refused 1 protocol_violation", "send error protocol_violation", "failed protocol_violation",
  ]

  private static func span(_ start: Int64, _ counts: UInt64...) -> HistogramBucket {
    HistogramBucket(start: start, counts: counts + Array(repeating: 0, count: 7 - counts.count))
  }

  private static func field(
    _ count: UInt64, _ values: UInt64..., kind: FieldSummary.Kind = .attribute
  ) -> FieldSummary {
    FieldSummary(
      kind: kind, name: kind == .attribute ? "a" : "", entryCount: count,
      values: values.enumerated().map { FieldValue(text: "\($0)", count: $1) }, isCapped: false)
  }

  private static func spans(_ count: Int) -> QueryResult {
    QueryResult(entryCount: UInt64(count), buckets: (0..<count).map { span(Int64($0) * 10, 1) })
  }

  private static func fields(_ count: Int) -> QueryResult {
    QueryResult(entryCount: 1, fields: Array(repeating: field(1, 1), count: count))
  }

  /// The events of a session when its query has this answer.
  private static func events(_ kind: QueryKind, _ result: QueryResult) -> [String] {
    var session = ClientSession(handshakeMillisecondsMax: 500, now: .zero)
    session.receive(Sample.welcome())
    _ = session.query(Query(kind, [.stream(Sample.web)]))
    return session.receive([Message.result(result).frame(id: 1)]).map(\.shown)
  }

  private static let results: [(QueryKind, QueryResult, Bool)] = [
    (.count, QueryResult(entryCount: 7), true), (.count, QueryResult(entryCount: .max, missingCount: .max), true),
    (.count, QueryResult(entryCount: 1, buckets: [span(0, 1)]), false),
    (.count, QueryResult(entryCount: 1, fields: [field(1, 1)]), false),

    (histogram, QueryResult(entryCount: 0), true),
    (histogram, QueryResult(entryCount: 6, buckets: [span(-10, 1), span(0, 0, 2), span(30, 0, 0, 3)]), true),
    (histogram, QueryResult(entryCount: 1, buckets: [span(.min, 1)]), true),
    (histogram, QueryResult(entryCount: 1), false),
    (histogram, QueryResult(entryCount: 2, buckets: [span(0, 1)]), false),
    (histogram, QueryResult(entryCount: 1, buckets: [span(0, 1, 1)]), false),
    // These add up to 1, modulo 2^64.
    (histogram, QueryResult(entryCount: 1, buckets: [span(0, .max), span(10, 2)]), false),
    (histogram, QueryResult(entryCount: 1, buckets: [span(0, .max, 2)]), false),
    (histogram, QueryResult(entryCount: 1, buckets: [span(5, 1)]), false),
    (histogram, QueryResult(entryCount: 1, buckets: [span(0, 1), span(10, 0)]), false),
    (histogram, QueryResult(entryCount: 1, buckets: [span(0, 1)], fields: [field(1)]), false),
    (histogram, spans(Limits.queryBucketCountMax), true), (histogram, spans(Limits.queryBucketCountMax + 1), false),

    (fields, QueryResult(entryCount: 0), true),
    (
      fields,
      QueryResult(
        entryCount: 5, fields: [field(5, 5, kind: .source), field(4, 3, 1, kind: .level), field(3, 3, 3), field(0)]),
      true
    ),
    (fields, QueryResult(entryCount: 5, buckets: [span(0, 5)]), false),
    (fields, QueryResult(entryCount: 5, fields: [field(6, 5)]), false),
    (fields, QueryResult(entryCount: 5, fields: [field(3, 4)]), false),
    (fields, QueryResult(entryCount: 5, fields: [field(5, 1, 2)]), false),
    (fields, QueryResult(entryCount: 5, fields: [field(5, 1, 0)]), false),
    (fields, QueryResult(entryCount: 5, fields: [field(5, 2, 2, 1)]), false),
    (fields, fields(Limits.queryFieldCountMax), true), (fields, fields(Limits.queryFieldCountMax + 1), false),
  ]

  @Test(arguments: results.indices) func `a result holds what was asked for, and adds up`(_ index: Int) {
    let (kind, result, isAnswer) = Self.results[index]
    let expected = isAnswer ? ["counted 1 \(result.entryCount)"] : Self.violation
    #expect(Self.events(kind, result) == expected, "\(kind), \(result)")
  }

  @Test(arguments: TestSeeds.first(50)) func `any result that a server may send is taken`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let query = RandomValues.query(&random)
    let result = RandomValues.result(&random, of: query)
    #expect(
      Self.events(query.kind, result) == ["counted 1 \(result.entryCount)"], TestSeeds.replay(seed, "Result terms"))
  }

  @Test func `a wrong result ends its query and the connection, and nothing else is answered`() {
    var session = ClientSession(handshakeMillisecondsMax: 500, now: .zero)
    session.receive(Sample.welcome())
    _ = session.query(Query(.count, [.stream(Sample.web)]))
    _ = session.stat()
    let events = session.receive([
      Message.result(QueryResult(entryCount: 1, buckets: [Self.span(0, 1)])).frame(id: 1),
      Message.status([]).frame(id: 2),
    ])
    #expect(events.map(\.shown) == Self.violation)
    guard case .refused(_, let refusal)? = events.first else { return }
    #expect(!refusal.isRetryable, "the same server would answer the same")
  }

  @Test(arguments: TestSeeds.first(40)) func `what is counted of any entries is a valid result`(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let entries = (0..<Int.random(in: 1...100, using: &random)).map { _ in RandomValues.entry(&random) }
    let batch = try Batches.numbered(entries, first: 1, seed: Sample.seed)
    let evaluator = FilterEvaluator()
    for kind in [.count, .histogram(width: 1_000_000), .histogram(width: .max), .fields(valueCountMax: 5)]
      as [QueryKind]
    {
      var tally = Tally(kind)
      let request = FilterEvaluator.Request(
        filter: .all, stream: Sample.web, seed: Sample.seed, numbers: 1...UInt64(entries.count))
      try evaluator.tally(batch, request, into: &tally)
      let result = tally.result(missingCount: 0)
      #expect(result.entryCount == UInt64(entries.count))
      #expect(Self.events(kind, result) == ["counted 1 \(entries.count)"], TestSeeds.replay(seed, "Result terms"))
    }
  }

  @Test func `an entry counts once for a field and for a value, however often it has them`() throws {
    let entry = LogEntry(
      message: "m",
      attributes: [
        LogAttribute("n", .list([.integer(1), .integer(1), .integer(2)])), LogAttribute("m.a", "x"),
        LogAttribute("m", .map([LogAttribute("a", "x")])),
        LogAttribute("l", .list([.map([LogAttribute("b", true)]), .map([LogAttribute("b", true)])])),
      ])
    let batch = try Batches.numbered([entry, entry], first: 1, seed: Sample.seed)
    var tally = Tally(.fields(valueCountMax: 9))
    try FilterEvaluator().tally(
      batch, .init(filter: .all, stream: Sample.web, seed: Sample.seed, numbers: 1...2), into: &tally)
    let fields = tally.result(missingCount: 0).fields
    #expect(fields.map(\.name) == ["l", "l.b", "m", "m.a", "n"])
    #expect(fields.allSatisfy { $0.entryCount == 2 && $0.values.allSatisfy { $0.count == 2 } })
    #expect(fields.map { $0.values.map(\.text) } == [[], ["true"], [], ["x"], ["1", "2"]])
  }
}
