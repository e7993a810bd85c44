internal import LogsWire

/// What a query finds in one stream, in the order of numbers.
///
/// Asked for in one request, or in portions when there are many streams: a portion that has come needs no request any
/// more, so few are open however many streams there are.
struct QuerySource {
  /// The stream as it was when the query began. What comes later is no part of it.
  let stream: AnnouncedStream
  private let client: LogClient
  private let filter: Filter?
  private let isReverse: Bool
  private let policy: GapPolicy
  private let window: Int
  private let extent: QueryExtent
  /// Entries that are still wanted; nil for all.
  private var remaining: UInt64?
  /// Entries to ask for at once; nil for all.
  private var portion: UInt64?

  private var events: FollowSequence.AsyncIterator?
  private var parts: ArraySlice<DeliveredBatch> = []
  private var entries: [LogEntry] = []
  private var index = 0
  /// The last number looked at; nil before the first portion.
  private var position: CursorPosition?
  private var isOver = false

  init(_ stream: AnnouncedStream, _ terms: QueryTerms, _ filter: Filter?, _ client: LogClient, among count: Int) {
    self.stream = stream
    self.client = client
    self.filter = filter
    isReverse = terms.isReverse
    policy = terms.policy
    window = max(
      client.core.configuration.followCreditByteCount / count, LogClientConfiguration.followCreditByteCountMin)
    remaining = terms.limit
    extent = terms.extent
    // The last entries are counted from the head, which moves: a later portion would begin elsewhere.
    let isCounted = if case .last = extent.start { true } else { false }
    portion = count > Self.wholeCountMax && !isCounted ? Self.portionEntryCountMin : nil
    if !isReverse { position = extent.cursor[stream.stream] }
    isOver = stream.head == 0
  }

  /// So many streams are asked for all at once.
  private static let wholeCountMax = 16
  private static let portionEntryCountMin: UInt64 = 256
  /// Each portion is so much larger than the one before.
  private static let portionGrowth: UInt64 = 4
  private static let portionEntryCountMax: UInt64 = 1 << 20

  /// Asks the server, so that entries come while those of other streams are waited for.
  mutating func begin() throws(LogError) {
    guard events == nil, !isOver else { return }
    let last = min(stream.head, extent.sequence ?? .max)
    var end = FollowEnd(atHead: !isReverse, sequence: last, time: extent.time, limit: remaining)
    if let portion { end.limit = min(portion, remaining ?? .max) }
    var cursor = LogCursor()
    if let position {
      if isReverse {
        (end.sequence, end.time) = (position.sequence - 1, nil)
      } else {
        cursor = LogCursor([position])
      }
    }
    let terms = SubscriptionTerms(
      selectors: [.stream(stream.stream)], start: extent.start, end: end, isReverse: isReverse, cursor: cursor,
      filter: filter, window: window)
    var events = FollowSequence(client: client, terms: terms).makeAsyncIterator()
    try events.begin()
    self.events = events
  }

  /// The time of the next entry if it has come already.
  mutating func readyTime() throws(LogError) -> Int64? {
    while true {
      if index < entries.count { return entries[index].effectiveTime }
      guard let part = parts.popFirst() else { return nil }
      entries = try part.entries()
      index = 0
    }
  }

  /// Takes the next entry, whose time is known, and those behind it that have come and would be next, without copies.
  ///
  /// - Parameters:
  ///   - number: the stream's in `merge`.
  ///   - merge: what knows the entries of other streams.
  mutating func take(atMost countMax: Int, as number: Int, _ merge: QueryMerge) -> ArraySlice<LogEntry> {
    let first = index
    let end = first + min(countMax, entries.count - first)
    index += 1
    while index < end, merge.continues(number, at: entries[index].effectiveTime) { index += 1 }
    return entries[first..<index]
  }

  /// Takes the next entry, whose time is known.
  mutating func take() -> StreamEntry {
    defer { index += 1 }
    return StreamEntry(stream: stream.stream, incarnation: stream.incarnation, entry: entries[index])
  }

  /// The time of the next entry; nil when there is none.
  mutating func nextTime() async throws(LogError) -> Int64? {
    while true {
      if let time = try readyTime() { return time }
      if isOver { return nil }
      try begin()
      // Cancelled: that there is no more is not known.
      guard let event = try await events?.next() else { throw .cancelled("a query") }
      switch event {
      case .batch(let batch): try take(batch)
      case .skipped(let skip): try pass(skip)
      case .ended(let reason): try ended(reason)
      case .announced(let told): try check(told)
      case .resolved, .deleted, .live, .behind, .interrupted, .resumed: break
      }
    }
  }

  /// A stream that was deleted and created again since is another one.
  private func check(_ told: AnnouncedStream) throws(LogError) {
    guard told.incarnation == stream.incarnation else {
      throw LogError(
        Refusal(
          .streamReplaced, "stream '\(told.stream)' was created anew while it was searched; search again",
          stream: .init(name: told.stream.text, incarnation: told.incarnation, head: told.head)))
    }
  }

  private mutating func take(_ batch: DeliveredBatch) throws(LogError) {
    parts = batch.parts[...]
    move(to: isReverse ? batch.range.lowerBound : batch.range.upperBound)
  }

  private mutating func pass(_ skip: SkippedRange) throws(LogError) {
    move(to: isReverse ? skip.range.lowerBound : skip.range.upperBound)
    switch skip.reason {
    case .filtered: break
    // A query looks at what is stored: nobody asked for what was trimmed or deleted.
    case .trimmed, .deleted: if extent.isFollow { try policy.pass(skip) }
    case .lost, .undecided: try policy.pass(skip)
    }
  }

  private mutating func move(to sequence: UInt64) {
    position = CursorPosition(stream: stream.stream, incarnation: stream.incarnation, sequence: sequence)
  }

  private mutating func ended(_ reason: EndReason) throws(LogError) {
    events = nil
    if reason == .cancelled { throw .closed }
    guard reason == .limit, let portion else {
      isOver = true
      return
    }
    // The portion was full.
    let count = min(portion, remaining ?? .max)
    remaining = remaining.map { $0 - count }
    self.portion = min(portion * Self.portionGrowth, Self.portionEntryCountMax)
    let last = position?.sequence ?? 0
    isOver = remaining == 0 || (isReverse ? last <= 1 : last >= stream.head)
  }
}

/// The streams of a query.
struct QuerySources {
  private var sources: [QuerySource]
  /// Sources that have been asked at least once: those before this one.
  private var begunCount = 0

  /// Requests whose first answer is waited for.
  private static let requestCountMax = 64

  /// Looks which streams there are.
  init(_ terms: QueryTerms, _ client: LogClient) async throws(LogError) {
    let filter = try terms.wholeFilter()
    let streams = try await terms.streams(client, filter)
    sources = streams.wanted.map { QuerySource($0, terms, filter, client, among: streams.wanted.count) }
    ruledOut = streams.ruledOut
  }

  /// Streams in which nothing passes the filter, by their names.
  let ruledOut: [AnnouncedStream]

  var count: Int { sources.count }
  func stream(_ index: Int) -> AnnouncedStream { sources[index].stream }

  mutating func readyTime(_ index: Int) throws(LogError) -> Int64? { try sources[index].readyTime() }

  mutating func take(_ index: Int) -> StreamEntry { sources[index].take() }

  mutating func take(_ index: Int, atMost countMax: Int, _ merge: QueryMerge) -> QueryRun {
    QueryRun(stream: stream(index).stream, entries: sources[index].take(atMost: countMax, as: index, merge))
  }

  mutating func next(_ index: Int) async throws(LogError) -> StreamEntry? {
    try await nextTime(index) == nil ? nil : take(index)
  }

  mutating func nextTime(_ index: Int) async throws(LogError) -> Int64? {
    while begunCount < min(index + Self.requestCountMax, sources.count) {
      try sources[begunCount].begin()
      begunCount += 1
    }
    return try await sources[index].nextTime()
  }
}
