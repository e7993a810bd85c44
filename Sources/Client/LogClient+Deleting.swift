internal import LogsWire

// MARK: - Deleting

extension LogClient {
  /// Deletes a stream, or a range of its entries, for good. Nothing brings them back.
  ///
  /// A whole stream is gone at once: its name is free, and the next append begins a new history with number 1. The
  /// numbers of a range are reported as `deleted` to followers that come to them; what is appended later has later
  /// numbers.
  ///
  /// It is sent once. If the connection breaks before the answer, this throws an error whose `mayHaveTakenEffect` is
  /// true. Calling it again with the incarnation that a dry run gave is safe: it then deletes nothing else.
  ///
  /// - Parameters:
  ///   - stream: its name. The server's own streams (`$...`) cannot be deleted.
  ///   - numbers: sequence numbers, 1 to 2^63 - 1; those that are not stored are passed over. Nil for the whole stream.
  ///   - incarnation: the history that is meant, from a dry run or `streams`; `.any` for whichever the stream has.
  ///   - dryRun: answers what would go, and deletes nothing. It is repeated until there is an answer.
  /// - Returns: what has gone, durably, or would go: entries, and about how many bytes are stored for them.
  /// - Throws: `LogError`: `refused` (`forbidden` unless connected over the server's Unix socket as its user or root,
  ///   `unknown_stream`, `stream_replaced`, `storage_failed`), `invalidRequest`, `connectionLost`, `closed`, `gaveUp`,
  ///   `cancelled`, `suspended`; `mayHaveTakenEffect` says whether it may have been deleted.
  public func delete(
    _ stream: StreamName, numbers: ClosedRange<UInt64>? = nil, of incarnation: Incarnation = .any, dryRun: Bool = false
  ) async throws(LogError) -> DeletionSummary {
    if let numbers, numbers.lowerBound < 1 || numbers.upperBound > Limits.numberMax {
      throw LogError(
        .invalidRequest,
        "sequence numbers are 1 to \(Limits.numberMax), not \(numbers.lowerBound) to \(numbers.upperBound)")
    }
    return try await core.delete(
      DeleteRequest(stream: stream, incarnation: incarnation, numbers: numbers, isDryRun: dryRun))
  }
}
