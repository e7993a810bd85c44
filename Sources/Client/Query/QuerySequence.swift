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
    /// The next entry of each stream, where it is known.
    private var heads: [StreamEntry?] = []
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
      heads = Array(repeating: nil, count: sources.count)
      self.sources = sources
    }

    public mutating func next() async throws(LogError) -> StreamEntry? {
      guard !isOver else { return nil }
      do {
        if sources == nil { try await begin() }
        while let wanted = merge.wanted { take(try await sources?.next(wanted)) }
        return taken()
      } catch {
        end()
        if error.code == .cancelled { return nil }
        throw error
      }
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(LogError) -> StreamEntry? {
      try await next()
    }

    /// The next entries, as many as have come already, but at least one; nil when there are no more.
    package mutating func nextRun(entryCountMax: Int = 1_000) async throws(LogError) -> [QueryEntry]? {
      guard let first = try await next() else { return nil }
      var run = [QueryEntry(entry: first, isMatch: true)]
      while run.count < entryCountMax, !isOver {
        while let wanted = merge.wanted {
          guard let entry = try sources?.ready(wanted) else { return run }
          take(entry)
        }
        guard let entry = taken() else { break }
        run.append(QueryEntry(entry: entry, isMatch: true))
      }
      return run
    }

    /// The wanted stream's next entry is known.
    private mutating func take(_ entry: StreamEntry?) {
      guard let entry, let wanted = merge.wanted else { return merge.end() }
      heads[wanted] = entry
      merge.offer(entry.entry.effectiveTime)
    }

    private mutating func taken() -> StreamEntry? {
      guard let stream = merge.next() else {
        end()
        return nil
      }
      let entry = heads[stream]
      if let remaining {
        self.remaining = remaining - 1
        if remaining == 1 { end() }
      }
      return entry
    }

    /// The server need not search any further.
    private mutating func end() {
      isOver = true
      sources = nil
      heads = []
    }
  }
}

/// An entry that a query shows.
public struct QueryEntry: Hashable, Sendable {
  public var entry: StreamEntry
  /// Whether it was found; otherwise it stands near one that was.
  public var isMatch: Bool
}
