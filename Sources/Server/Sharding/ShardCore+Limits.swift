internal import LogsWire

/// What all clients together may have under way.
extension ShardCore {
  /// Queries of all connections.
  private static let queryCountMax = 64

  private static let queryRetryMilliseconds: UInt32 = 500

  /// Begins a query.
  ///
  /// - Returns: the query, which waits for a turn, or why none can begin now.
  func query(
    _ query: Query, for access: AccessControl.Access, tell: @escaping (RunningQuery.Event) -> Void
  ) -> Result<RunningQuery, Refusal> {
    let limit = Self.queryCountMax
    guard counters.queries.current < limit else {
      return .failure(
        Refusal(
          .overloaded, "the server answers \(limit) queries, which is as many as it takes at once", isRetryable: true,
          retryAfterMilliseconds: Self.queryRetryMilliseconds, limit: .init("queries-total", UInt64(limit))))
    }
    let ownLimit = configuration.clientQueryCountMax
    guard counters.clientQueries.add(access.name, limit: ownLimit) else {
      return .failure(
        Refusal(
          .overloaded,
          "the server answers \(ownLimit) queries of \(access.name), which is as many as one client may "
            + "have under way (queries-per-client)",
          isRetryable: true, retryAfterMilliseconds: Self.queryRetryMilliseconds,
          limit: .init("queries-per-client", UInt64(ownLimit))))
    }
    return .success(RunningQuery(query, hub: hub, client: access.name, rights: access.rights, tell: tell))
  }

  /// The same for a deletion.
  var deletionRefusal: Refusal? {
    let limit = Limits.deletionCountMax
    guard counters.deletions.current >= limit else { return nil }
    return Refusal(
      .overloaded, "the server has \(limit) deletions under way, which is as many as it takes at once",
      isRetryable: true, retryAfterMilliseconds: 100, limit: .init("deletions", UInt64(limit)))
  }
}
