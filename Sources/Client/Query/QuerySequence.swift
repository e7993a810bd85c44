internal import LogsWire

/// What is stored and passes a filter: an asynchronous sequence of entries, begun by the first call of `next` on an
/// iterator.
///
/// All streams are merged by the times of their next entries; those of one stream stand in the order of their numbers,
/// whatever their times say. The client reconnects by itself and goes on where it was.
///
/// Each iterator searches anew, in what is stored when it begins. It ends when all has been found, or throws a
/// `LogError`: `refused` (`filter_too_costly` among others), `invalidRequest`, `dataMissing`, `damaged`, `closed`,
/// `gaveUp`. When the task that iterates is cancelled it returns nil. When it has ended, or the last copy of an
/// iterator goes, the server searches no further.
///
/// - Complexity: the server sends only what is found. For each stream there wait at most one batch and a window of
///   `LogClientConfiguration.followCreditByteCount` divided by the number of streams, or 64 KiB if that is more.
public struct QuerySequence: AsyncSequence, Sendable {
  public typealias Element = StreamEntry
  public typealias Failure = LogError

  private let client: LogClient
  private let terms: QueryTerms

  init(client: LogClient, terms: QueryTerms) {
    self.client = client
    self.terms = terms
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(client: client, terms: terms) }

  /// The same with entries around each of those found, by number, in the same stream.
  ///
  /// What is near each other is one group: its entries come one after the other, and no entry twice.
  /// - Parameters:
  ///   - before: how many with lower numbers, 0 to 10,000.
  ///   - after: how many with higher numbers, 0 to 10,000.
  /// - Complexity: a request of its own for each group, which reads the group again without the filter. The next entry
  ///   found in the stream is looked for before a group is given.
  public func context(before: Int = 0, after: Int = 0) -> QueryContextSequence {
    QueryContextSequence(client: client, terms: terms, before: before, after: after)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    private let client: LogClient
    private let terms: QueryTerms
    private var sources: QuerySources?
    private var merge: QueryMerge
    private var remaining: UInt64?
    private var isOver = false

    init(client: LogClient, terms: QueryTerms) {
      self.client = client
      self.terms = terms
      merge = QueryMerge(streamCount: 0, isReverse: terms.isReverse)
      remaining = terms.limit
    }

    /// Looks which streams there are.
    private mutating func begin() async throws(LogError) {
      let sources = try await QuerySources(terms, client)
      merge = QueryMerge(streamCount: sources.count, isReverse: terms.isReverse)
      self.sources = sources
    }

    public mutating func next() async throws(LogError) -> StreamEntry? {
      guard let stream = try await nextStream() else { return nil }
      let entry = sources?.take(stream)
      passed(1)
      return entry
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(LogError) -> StreamEntry? {
      try await next()
    }

    /// The next entries, as many as have come already, but at least one; nil when there are no more.
    package mutating func nextRuns(entryCountMax: Int = 1_000) async throws(LogError) -> [QueryRun]? {
      guard var stream = try await nextStream() else { return nil }
      var runs: [QueryRun] = []
      var count = 0
      while true {
        let countMax = Swift.min(entryCountMax - count, Int(clamping: remaining ?? .max))
        guard let run = sources?.take(stream, atMost: countMax, merge) else { return runs }
        runs.append(run)
        count += run.entries.count
        passed(run.entries.count)
        guard count < entryCountMax, !isOver else { return runs }
        while let wanted = merge.wanted {
          guard let time = try sources?.readyTime(wanted) else { return runs }
          merge.offer(time)
        }
        guard let next = merge.next() else { return runs }
        stream = next
      }
    }

    /// The stream whose entry comes next; nil when there are no more.
    private mutating func nextStream() async throws(LogError) -> Int? {
      guard !isOver else { return nil }
      do {
        if sources == nil { try await begin() }
        while let wanted = merge.wanted {
          if let time = try await sources?.nextTime(wanted) { merge.offer(time) } else { merge.end() }
        }
        if let stream = merge.next() { return stream }
        end()
        return nil
      } catch {
        end()
        if error.code == .cancelled { return nil }
        throw error
      }
    }

    /// So many entries are given.
    private mutating func passed(_ count: Int) {
      guard let remaining else { return }
      self.remaining = remaining - UInt64(count)
      if self.remaining == 0 { end() }
    }

    /// The server need not search any further.
    private mutating func end() {
      isOver = true
      sources = nil
    }
  }
}

/// Entries of one stream that come one after the other in a query.
package struct QueryRun: Sendable {
  package let stream: StreamName
  package let entries: ArraySlice<LogEntry>
}

/// An entry that a query shows.
public struct QueryEntry: Hashable, Sendable {
  public var entry: StreamEntry
  /// Whether it was found; otherwise it stands near one that was.
  public var isMatch: Bool
}
