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
  /// Which part of each stream is looked at.
  var extent = QueryExtent()

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
  ///
  /// - Parameter filter: the whole one.
  func streams(_ client: LogClient, _ filter: Filter?) async throws(LogError) -> SelectedStreams {
    if limit == 0 {
      throw LogError(.invalidRequest, "a limit of 0 entries asks for nothing; leave it out or ask for 1")
    }
    return try await client.selected(selectors, filter)
  }
}

/// Streams that are selected and how far they go now, in the order of their names.
struct SelectedStreams {
  var wanted: [AnnouncedStream] = []
  /// Those that the filter rules out by their names.
  var ruledOut: [AnnouncedStream] = []
}

/// A part of each stream, as a follow has it.
struct QueryExtent: Sendable {
  var start = FollowStart.first
  /// Streams in it begin after their positions.
  var cursor = LogCursor()
  /// The last number.
  var sequence: UInt64?
  /// Up to the first entry after this time.
  var time: Int64?
  /// Whether trimmed and deleted entries are missing, too: somebody follows the stream.
  var isFollow = false
}

extension LogClient {
  /// Streams that are selected by name and do not exist.
  package func missing(of selectors: [StreamSelector]) async throws(LogError) -> [StreamName] {
    let names = selectors.compactMap { if case .stream(let name) = $0 { name } else { nil } }
    if names.isEmpty { return [] }
    let found = Set(try await existing(names.map { .stream($0) }).map(\.stream))
    return names.filter { !found.contains($0) }
  }

  /// The streams that are selected; nil if there are more than a query may read.
  package func matched(by selectors: [StreamSelector]) async throws(LogError) -> [StreamName]? {
    do throws(LogError) { return try await existing(selectors).map(\.stream) } catch {
      guard error.code == .invalidRequest else { throw error }
      return nil
    }
  }

  /// Whether a query may read the streams that are selected: there are not too many.
  package func canQuery(_ selectors: [StreamSelector], filter: Filter?) async throws(LogError) -> Bool {
    do throws(LogError) {
      _ = try await selected(selectors, filter)
      return true
    } catch {
      guard error.code == .invalidRequest else { throw error }
      return false
    }
  }

  /// The streams that are selected and how far they go now, in the order of their names.
  ///
  /// - Throws: `LogError`, also when there are more than a query may read.
  package func existing(_ selectors: [StreamSelector]) async throws(LogError) -> [AnnouncedStream] {
    try await selected(selectors, nil).wanted
  }

  /// The same, divided by what the filter says about names.
  fileprivate func selected(
    _ selectors: [StreamSelector], _ filter: Filter?
  ) async throws(LogError) -> SelectedStreams {
    var streams = SelectedStreams()
    let evaluator = FilterEvaluator()
    var end: EndReason?
    for try await event in follow(selectors, from: .now, until: FollowEnd(atHead: true)) {
      switch event {
      case .announced(let stream):
        guard filter.map({ evaluator.mayPass($0, in: stream.stream) }) ?? true else {
          streams.ruledOut.append(stream)
          continue
        }
        streams.wanted.append(stream)
        guard streams.wanted.count <= Limits.queryStreamCountMax else {
          throw LogError(
            .invalidRequest,
            """
            more than \(Limits.queryStreamCountMax) streams match, and a query reads no more (query-streams); \
            select fewer, or name them in the filter with stream:
            """
          )
        }
      case .ended(let reason): end = reason
      case .batch, .resolved, .deleted, .skipped, .live, .behind, .interrupted, .resumed: break
      }
    }
    guard let end else { throw .cancelled("a query") }
    if end == .cancelled { throw .closed }
    streams.wanted.sort { $0.stream < $1.stream }
    return streams
  }
}
