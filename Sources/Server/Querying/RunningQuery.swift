internal import LogsStore
internal import LogsWire

/// A query that is being answered: finds its streams in turns, then lets reader threads count, a little at a time, so
/// that followers that are behind have their turns, too.
final class RunningQuery {
  /// What it tells its client.
  enum Event {
    case progress(QueryProgress)
    case result(QueryResult)
    case refused(Refusal)
  }

  let query: Query
  private let hub: Hub
  private let client: String
  private let tell: (Event) -> Void
  private let filter: SharedFilter
  private let cancellation = CancellationToken()
  private var resolver: Resolver
  /// What is still to be read. Short ones are read together.
  private var ranges: ArraySlice<Range> = []
  private var readCount = 0
  private var tally: Tally
  private var missingCount: UInt64 = 0
  private var progress = QueryProgress(entryCount: 0, allEntryCount: 0, readByteCount: 0)
  private var progressCall: (any DelayedCall)?
  private var isOver = false

  /// A part of a stream.
  private struct Range {
    let stream: Int64
    let name: StreamName
    var from: UInt64
    let to: UInt64
  }

  /// Reads under way: as many as there are reader threads by default, each for a few milliseconds.
  private static let readCountMax = 2
  /// Shorter ranges are read together, so many at once.
  private static let shortEntryCount: UInt64 = 1 << 10
  private static let shortRangeCountMax = 16
  /// What one read of a long range is asked for: as much as it can do in its time, so that the reads share the rest to
  /// the end. Where an index has the answer that is far more than where all is looked at.
  private var longEntryCountMax = longEntryCountMin
  private static let longEntryCountMin: UInt64 = 1 << 14
  private static let longEntryCountLimit: UInt64 = 1 << 24
  private static let progressDelay = Duration.milliseconds(500)

  /// - Parameters:
  ///   - client: among whose queries it has been counted; from its end on it is not.
  ///   - rights: of what patterns select, the streams are counted that these allow to read.
  ///   - tell: gets the events; the result and a refusal are the last.
  init(_ query: Query, hub: Hub, client: String, rights: Rights, tell: @escaping (Event) -> Void) {
    self.query = query
    self.hub = hub
    self.client = client
    self.tell = tell
    filter = SharedFilter(query.filter ?? .all)
    tally = Tally(query.kind)
    resolver = Resolver(query.selectors, source: hub.source, rights: rights)
    hub.counters.queries.add(1)
    hub.counters.begunQueries.add(1)
  }

  /// Finds streams, as far as the turn allows.
  ///
  /// - Returns: whether it needs another turn.
  func takeTurn(_ turn: inout Turn) -> Bool {
    while !isOver {
      if turn.isOver { return true }
      switch resolver.next(&turn) {
      case .stream(let info):
        turn.spend(.stream)
        add(info)
      case .later: return true
      case .done:
        readOn()
        awaitProgress()
        return false
      }
    }
    return false
  }

  private var streamCount = 0

  private func add(_ info: StreamInfo) {
    guard hub.evaluator.mayPass(filter.filter, in: info.name) else { return }
    streamCount += 1
    guard streamCount <= Limits.queryStreamCountMax else {
      let limit = Limits.queryStreamCountMax
      return finish(
        .refused(
          Refusal(
            .badRequest,
            """
            the query names more than \(Figures.count(limit, "stream", "streams")), which is the limit; use a narrower \
            pattern, or stream: in the filter
            """,
            limit: .init("query-streams", UInt64(limit)))))
    }
    for kept in info.keptRanges {
      progress.allEntryCount += kept.upperBound - kept.lowerBound + 1
      ranges.append(Range(stream: info.id, name: info.name, from: kept.lowerBound, to: kept.upperBound))
    }
  }

  // MARK: Reading

  private func readOn() {
    while !isOver, readCount < Self.readCountMax, !ranges.isEmpty {
      let taken = takeRanges()
      readCount += 1
      let requests = taken.map {
        ReadRequest(stream: $0.stream, from: $0.from, to: $0.to, filter: filter, tally: query.kind)
      }
      hub.read(requests, cancellation) { [weak self] in self?.take($0, of: taken) }
    }
    if !isOver, readCount == 0, ranges.isEmpty { finish(.result(tally.result(missingCount: missingCount))) }
  }

  /// Takes what one read is asked for: a part of a long range, or several short ones.
  private func takeRanges() -> [Range] {
    let short = ranges.prefix(Self.shortRangeCountMax).prefix { $0.to - $0.from < Self.shortEntryCount }
    guard short.isEmpty else {
      ranges.removeFirst(short.count)
      return Array(short)
    }
    let range = ranges.removeFirst()
    guard range.to - range.from >= longEntryCountMax else { return [range] }
    let end = range.from + longEntryCountMax - 1
    ranges.insert(Range(stream: range.stream, name: range.name, from: end + 1, to: range.to), at: ranges.startIndex)
    return [Range(stream: range.stream, name: range.name, from: range.from, to: end)]
  }

  private func take(_ results: [Result<ReadResult, StoreError>], of taken: [Range]) {
    readCount -= 1
    guard !isOver else { return }
    var left = taken[...]
    for result in results {
      guard var range = left.popFirst() else { break }
      switch result {
      case .failure(let error) where error.code == .unknownStream:
        // It was deleted since the query began.
        missingCount += range.to - range.from + 1
      case .failure(let error): return finish(.refused(Subscription.unreadable(error, range.name)))
      case .success(let result):
        if let counted = result.tally { tally.merge(counted) }
        for case .skip(let numbers, let reason) in result.pieces where reason != .filtered {
          missingCount += numbers.upperBound - numbers.lowerBound + 1
        }
        progress.entryCount += result.next - range.from
        progress.readByteCount += UInt64(result.evaluatedByteCount)
        progress.time = result.evaluatedTime ?? progress.time
        let covered = result.next - range.from
        range.from = result.next
        if range.from <= range.to {
          left.insert(range, at: left.startIndex)
          longEntryCountMax = max(covered, Self.longEntryCountMin)
        } else if covered == longEntryCountMax {
          // It had time left.
          longEntryCountMax = min(2 * covered, Self.longEntryCountLimit)
        }
      }
      if let first = left.first, first.stream == range.stream, first.from == range.from { break }
    }
    ranges = left + ranges
    if tally.hasTooManyBuckets {
      let limit = Limits.queryBucketCountMax
      return finish(
        .refused(
          Refusal(
            .badRequest, "the histogram has more than \(limit) spans of time with entries; use a longer span",
            limit: .init("query-buckets", UInt64(limit)))))
    }
    readOn()
  }

  // MARK: Progress and the end

  private func awaitProgress() {
    guard !isOver else { return }
    progressCall = hub.thread.call(after: Self.progressDelay) { [weak self] in
      guard let self, !isOver else { return }
      tell(.progress(progress))
      awaitProgress()
    }
  }

  private func finish(_ event: Event) {
    guard !isOver else { return }
    cancel()
    tell(event)
  }

  /// Nobody waits for it any more: what is under way ends within milliseconds.
  func cancel() {
    guard !isOver else { return }
    isOver = true
    progressCall?.cancel()
    progressCall = nil
    cancellation.cancel()
    hub.counters.queries.add(-1)
    hub.counters.clientQueries.remove(client)
  }
}
