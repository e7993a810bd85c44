internal import LogsText
internal import LogsWire

/// A request that counts: entries, those of each span of time by level, or the commonest values of fields.
struct HTTPQuery {
  let query: Query

  private static let spanUsual = Duration.seconds(3_600)
  private static let valueCountUsual: UInt64 = 10

  /// What is asked, by its path.
  enum Kind: String {
    case count = "/api/v1/count"
    case histogram = "/api/v1/histogram"
    case fields = "/api/v1/fields"
  }

  init(_ asked: Kind, _ target: HTTPTarget, now: Int64) throws(HTTPProblem) {
    let own: [String]
    let kind: QueryKind
    switch asked {
    case .count: (own, kind) = ([], .count)
    case .histogram: (own, kind) = (["span"], .histogram(width: try Self.span(target)))
    case .fields:
      let limit = UInt64(Limits.fieldValueCountMax)
      let count = try target.number("values", in: 1...limit) ?? Self.valueCountUsual
      (own, kind) = (["values"], .fields(valueCountMax: Int(count)))
    }
    try target.allow(own + ["since", "until"] + EntryTerms.names, repeatable: "stream")
    var filter = try EntryTerms.filter(target, now)
    let (since, until) = (try EntryQuery.time("since", target, now), try EntryQuery.time("until", target, now))
    if since != nil || until != nil {
      do throws(FilterError) {
        let times = try Filter(since: since, until: until)
        filter = try filter?.and(times) ?? times
      } catch { throw HTTPProblem(400, "since and until: \(error.reason)") }
    }
    query = Query(kind, try EntryQuery.selectors(target), filter: filter)
  }

  private static func span(_ target: HTTPTarget) throws(HTTPProblem) -> Int64 {
    guard let text = target["span"] else { return spanUsual.nanoseconds }
    guard let span = TimeSpan.parse(text) else {
      throw HTTPProblem(400, "span takes a length of time like 30s, 5m, 1h or 1d, not '\(text)'")
    }
    return span.nanoseconds
  }
}
