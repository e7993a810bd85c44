// MARK: - Searching

extension LogClient {
  /// Finds what is stored now and passes a filter, in all of these streams.
  ///
  /// Nothing happens before the first entry is asked for. Names that do not exist are passed over.
  /// - Parameters:
  ///   - selectors: names and patterns, 1 to 1,024; together they may match 1,024 streams.
  ///   - filter: what to find; nil for everything.
  ///   - since: the earliest time, in ns since 1970. Every entry is judged by its own time: one whose clock was wrong
  ///     does not decide about those before and after it.
  ///   - until: the latest time, which still counts.
  ///   - limit: how many entries to find at most.
  ///   - isReverse: newest entries first.
  ///   - policy: what to do where entries are lost in damaged or missing files. Those that retention trimmed or
  ///     somebody deleted are not missing.
  public func query(
    _ selectors: [StreamSelector], filter: Filter? = nil, since: Int64? = nil, until: Int64? = nil,
    limit: UInt64? = nil, isReverse: Bool = false, onGap policy: GapPolicy = .fail
  ) -> QuerySequence {
    QuerySequence(
      client: self,
      terms: QueryTerms(
        selectors: selectors, filter: filter, since: since, until: until, limit: limit, isReverse: isReverse,
        policy: policy))
  }

  /// What a follow from `start` to `end` would deliver of what is stored now, merged as by `query`.
  ///
  /// - Parameters:
  ///   - cursor: streams in it begin after their positions, unless in reverse.
  ///   - policy: what to do where entries are trimmed, deleted or lost.
  package func merged(
    _ selectors: [StreamSelector], from start: FollowStart, until end: FollowEnd, cursor: LogCursor = LogCursor(),
    isReverse: Bool = false, filter: Filter? = nil, onGap policy: GapPolicy
  ) -> QuerySequence {
    let extent = QueryExtent(start: start, cursor: cursor, sequence: end.sequence, time: end.time, isFollow: true)
    return QuerySequence(
      client: self,
      terms: QueryTerms(
        selectors: selectors, filter: filter, since: nil, until: nil, limit: end.limit, isReverse: isReverse,
        policy: policy, extent: extent))
  }
}
