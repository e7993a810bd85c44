internal import LogsWire

// MARK: - Counting what is stored

extension LogClient {
  /// Counts the stored entries that pass a filter.
  ///
  /// The server looks at all entries of the streams that the filter does not rule out by time, number, level or stream;
  /// some millions a second.
  /// - Parameters:
  ///   - selectors: names and patterns, 1 to 1,024, of at most 1,024 streams. One that does not exist has no entries.
  ///   - filter: which entries count; all without one. A time or number range is a part of it.
  ///   - progress: called about twice a second while the server works, on a thread of the client's.
  /// - Returns: the number, with that of the entries that could not be looked at.
  /// - Throws: `LogError`: `refused` (`filter_too_costly`, too many streams), `closed`, `gaveUp`, `cancelled`.
  ///   Cancelling the task ends the server's work, too.
  public func count(
    _ selectors: [StreamSelector], filter: Filter? = nil, progress: (@Sendable (QueryProgress) -> Void)? = nil
  ) async throws(LogError) -> QueryResult {
    try await core.query(Query(.count, selectors, filter: filter), progress: progress)
  }

  /// Counts the stored entries that pass a filter, by time and level.
  ///
  /// - Parameters:
  ///   - width: the length of a span of time. Spans begin at its multiples since 1970.
  ///   - selectors, filter, progress: as for `count`, which costs a little less.
  /// - Returns: at most 10,000 spans that have entries, ascending; more are refused.
  /// - Throws: as `count`; `invalidRequest` for a width that is not above 0 or above 292 years.
  public func histogram(
    _ selectors: [StreamSelector], filter: Filter? = nil, width: Duration,
    progress: (@Sendable (QueryProgress) -> Void)? = nil
  ) async throws(LogError) -> QueryResult {
    let (seconds, attoseconds) = width.components
    let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (nanoseconds, isTooLongInAll) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    guard !isTooLong, !isTooLongInAll, nanoseconds > 0 else {
      throw LogError(.invalidRequest, "a span of a histogram is above 0 and at most 292 years, not \(width)")
    }
    return try await core.query(
      Query(.histogram(width: nanoseconds), selectors, filter: filter), progress: progress)
  }

  /// Finds the sources, levels and attributes of the stored entries that pass a filter, with their commonest values.
  ///
  /// - Parameters:
  ///   - valueCountMax: values of each field, 1 to 100.
  ///   - selectors, filter, progress: as for `count`, which costs less: attributes are decoded for this.
  /// - Returns: at most 1,000 fields. Up to 20,000 distinct values are counted in all; where there are more, the field
  ///   says so (`isCapped`), and the result, too.
  /// - Throws: as `count`; `invalidRequest` for a number of values outside its range.
  public func fields(
    _ selectors: [StreamSelector], filter: Filter? = nil, valueCountMax: Int = 10,
    progress: (@Sendable (QueryProgress) -> Void)? = nil
  ) async throws(LogError) -> QueryResult {
    guard (1...Limits.fieldValueCountMax).contains(valueCountMax) else {
      throw LogError(
        .invalidRequest, "a field has 1 to \(Limits.fieldValueCountMax) values in the answer, not \(valueCountMax)")
    }
    return try await core.query(
      Query(.fields(valueCountMax: valueCountMax), selectors, filter: filter), progress: progress)
  }
}
