internal import LogsWire

/// What a query finds, with the entries around it: made by `QuerySequence.context`.
///
/// The groups of all streams are merged by the times of their first entries found. Ends and throws as `QuerySequence`
/// does. A limit counts what was found; behind the last one there still come those after it, none of them marked.
public struct QueryContextSequence: AsyncSequence, Sendable {
  public typealias Element = QueryEntry
  public typealias Failure = LogError

  /// Entries of context on each side.
  public static let entryCountMax = 10_000

  private let client: LogClient
  private let terms: QueryTerms
  private let before: Int
  private let after: Int

  init(client: LogClient, terms: QueryTerms, before: Int, after: Int) {
    self.client = client
    self.terms = terms
    self.before = before
    self.after = after
  }

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(client: client, terms: terms, before: before, after: after)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    private let client: LogClient
    private let terms: QueryTerms
    private let before: Int
    private let after: Int
    private var sources: QuerySources?
    /// The streams that are selected, and how far they are searched; empty before the first group was asked for.
    package private(set) var streams: [AnnouncedStream] = []
    private var groups: [QueryGroups] = []
    private var merge: QueryMerge
    private var remaining: UInt64
    private var run: ArraySlice<QueryEntry> = []
    private var isOver = false

    init(client: LogClient, terms: QueryTerms, before: Int, after: Int) {
      self.client = client
      self.terms = terms
      self.before = before
      self.after = after
      merge = QueryMerge(streamCount: 0, isReverse: terms.isReverse)
      remaining = terms.limit ?? .max
    }

    /// Looks which streams there are.
    private mutating func begin() async throws(LogError) {
      let counts = 0...QueryContextSequence.entryCountMax
      guard counts.contains(before), counts.contains(after) else {
        throw LogError(
          .invalidRequest,
          """
          0 to \(counts.upperBound) entries can be shown before and after one that was found, not \(before) and \
          \(after)
          """
        )
      }
      let sources = try await QuerySources(terms, client)
      merge = QueryMerge(streamCount: sources.count, isReverse: terms.isReverse)
      groups = Array(
        repeating: QueryGroups(before: UInt64(before), after: UInt64(after), isReverse: terms.isReverse),
        count: sources.count)
      self.sources = sources
      streams = (0..<sources.count).map { sources.stream($0) } + sources.ruledOut
    }

    public mutating func next() async throws(LogError) -> QueryEntry? {
      if run.isEmpty { run = try await nextRun()?[...] ?? [] }
      return run.popFirst()
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(LogError) -> QueryEntry? {
      try await next()
    }

    /// The next group; nil when there are no more.
    package mutating func nextRun() async throws(LogError) -> [QueryEntry]? {
      guard !isOver else { return nil }
      do {
        if sources == nil { try await begin() }
        while let wanted = merge.wanted {
          while groups[wanted].needsMatch { groups[wanted].take(try await sources?.next(wanted)) }
          if let time = groups[wanted].time { merge.offer(time) } else { merge.end() }
        }
        guard let index = merge.next(), let stream = sources?.stream(index),
          let group = groups[index].next(matchCountMax: remaining)
        else {
          end()
          return nil
        }
        remaining -= UInt64(group.matches.count)
        let entries = try await entries(of: group, stream)
        if remaining == 0 { end() }
        return entries
      } catch {
        end()
        if error.code == .cancelled { return nil }
        throw error
      }
    }

    /// Reads a group again, without the filter.
    private func entries(of group: QueryGroup, _ stream: AnnouncedStream) async throws(LogError) -> [QueryEntry] {
      let range = group.range.clamped(to: 1...stream.head)
      guard range.count > group.matches.count else { return group.matches.map { QueryEntry(entry: $0, isMatch: true) } }
      var entries = Dictionary(
        group.matches.map { ($0.entry.sequence, QueryEntry(entry: $0, isMatch: true)) }, uniquingKeysWith: { $1 })
      let end = FollowEnd(atHead: true, sequence: range.upperBound)
      let before = CursorPosition(
        stream: stream.stream, incarnation: stream.incarnation, sequence: range.lowerBound - 1)
      let events = client.follow([.stream(stream.stream)], until: end, cursor: LogCursor([before]))
      var reason: EndReason?
      for try await event in events {
        switch event {
        case .batch(let batch):
          for entry in try batch.entries() where entries[entry.sequence] == nil {
            entries[entry.sequence] = QueryEntry(
              entry: StreamEntry(stream: batch.stream, incarnation: batch.incarnation, entry: entry), isMatch: false)
          }
        case .skipped(let skip): if skip.reason == .lost { try terms.policy.pass(skip) }
        case .ended(let told): reason = told
        case .announced, .resolved, .deleted, .live, .behind, .interrupted, .resumed: break
        }
      }
      guard let reason else { throw .cancelled("a query") }
      if reason == .cancelled { throw .closed }
      let ascending = entries.values.sorted { $0.entry.entry.sequence < $1.entry.entry.sequence }
      return terms.isReverse ? ascending.reversed() : ascending
    }

    /// The server need not search any further.
    private mutating func end() {
      isOver = true
      sources = nil
      groups = []
    }
  }
}
