internal import LogsClient
internal import LogsWire

/// The last entries of each stream that are not older than a time.
struct TailSince: Sendable {
  let count: UInt64
  /// In nanoseconds since 1970.
  let time: Int64

  /// Where a follow begins that shows them first: for each stream that exists, what is before them.
  func cursor(_ client: LogClient, _ selectors: [StreamSelector], _ filter: Filter?) async throws -> LogCursor {
    var positions: [CursorPosition] = []
    for stream in try await client.existing(selectors) {
      var before = stream.head
      if count > 0 {
        let last = client.query(
          [.stream(stream.stream)], filter: filter, since: time, limit: count, isReverse: true, onGap: .report { _ in })
        for try await found in last { before = found.entry.sequence - 1 }
      }
      positions.append(
        CursorPosition(stream: stream.stream, incarnation: stream.incarnation, sequence: before))
    }
    return LogCursor(positions)
  }
}
