internal import LogsWire

/// What all clients together may have under way.
extension ShardCore {
  /// Queries of all connections.
  private static let queryCountMax = 64

  /// Why no query can begin now; nil if one can.
  var queryRefusal: Refusal? {
    let limit = Self.queryCountMax
    guard hub.counters.queries.current >= limit else { return nil }
    return Refusal(
      .overloaded, "the server answers \(limit) queries, which is as many as it takes at once", isRetryable: true,
      retryAfterMilliseconds: 500, limit: .init("queries-total", UInt64(limit)))
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
