internal import LogsWire

/// What an application wants to find.
struct QueryTerms: Sendable {
  let selectors: [StreamSelector]
  let filter: Filter?
  let since: Int64?
  let until: Int64?
  let limit: UInt64?
  let isReverse: Bool
  let policy: GapPolicy

  /// The filter with the times in it.
  ///
  /// - Throws: `LogError` with `invalidRequest`.
  func wholeFilter() throws(LogError) -> Filter? {
    guard since != nil || until != nil else { return filter }
    do throws(FilterError) {
      let times = try Filter(since: since, until: until)
      return try filter?.and(times) ?? times
    } catch { throw LogError(.invalidRequest, error.reason) }
  }

  /// The streams and how far they go now, in the order of their names.
  func streams(_ client: LogClient) async throws(LogError) -> [AnnouncedStream] {
    if limit == 0 {
      throw LogError(.invalidRequest, "a limit of 0 entries asks for nothing; leave it out or ask for 1")
    }
    return try await client.existing(selectors)
  }
}

extension LogClient {
  /// Streams that are selected by name and do not exist.
  package func missing(of selectors: [StreamSelector]) async throws(LogError) -> [StreamName] {
    let found = Set(try await existing(selectors).map(\.stream))
    return selectors.compactMap { selector in
      guard case .stream(let name) = selector, !found.contains(name) else { return nil }
      return name
    }
  }

  /// The streams that are selected and how far they go now, in the order of their names.
  ///
  /// - Throws: `LogError`, also when there are more than a query may read.
  package func existing(_ selectors: [StreamSelector]) async throws(LogError) -> [AnnouncedStream] {
    var streams: [AnnouncedStream] = []
    var end: EndReason?
    for try await event in follow(selectors, from: .now, until: FollowEnd(atHead: true)) {
      switch event {
      case .announced(let stream):
        streams.append(stream)
        guard streams.count <= Limits.queryStreamCountMax else {
          throw LogError(
            .invalidRequest,
            """
            more than \(Limits.queryStreamCountMax) streams match, and a query reads no more (query-streams); \
            select fewer
            """
          )
        }
      case .ended(let reason): end = reason
      case .batch, .resolved, .deleted, .skipped, .live, .behind, .interrupted, .resumed: break
      }
    }
    guard let end else { throw .cancelled("a query") }
    if end == .cancelled { throw .closed }
    return streams.sorted { $0.stream < $1.stream }
  }
}
