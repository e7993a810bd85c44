/// What an `EntrySequence` or a `QuerySequence` does where entries that were stored are missing: lost with a damaged
/// file, trimmed by retention, deleted, or undecided, since a regular expression of the filter takes too long on them.
///
/// Entries that a filter leaves out do not count as missing.
public enum GapPolicy: Sendable {
  /// The sequence throws `LogError` with `dataMissing`.
  case fail
  /// The sequence continues after the gap and does not report it.
  case ignore
  /// The sequence continues after the gap. The closure is called first, in the task that iterates.
  case report(@Sendable (SkippedRange) -> Void)
}

/// The entries of a subscription, one after the other.
///
/// Ends and throws as `FollowSequence` does, and with `damaged` and `dataMissing`; after those it is over.
public struct EntrySequence: AsyncSequence, Sendable {
  public typealias Element = StreamEntry
  public typealias Failure = LogError

  private let subscription: FollowSequence
  private let policy: GapPolicy

  init(subscription: FollowSequence, policy: GapPolicy) {
    self.subscription = subscription
    self.policy = policy
  }

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(events: subscription.makeAsyncIterator(), policy: policy)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    private var events: FollowSequence.AsyncIterator?
    private let policy: GapPolicy
    /// The part of a batch that has not been decoded yet.
    private var parts: ArraySlice<DeliveredBatch> = []
    private var part: (stream: StreamName, incarnation: Incarnation, entries: [LogEntry])?
    private var index = 0

    init(events: FollowSequence.AsyncIterator, policy: GapPolicy) {
      self.events = events
      self.policy = policy
    }

    public mutating func next() async throws(LogError) -> StreamEntry? {
      do {
        while true {
          if let part, index < part.entries.count {
            defer { index += 1 }
            return StreamEntry(stream: part.stream, incarnation: part.incarnation, entry: part.entries[index])
          }
          if let next = parts.popFirst() {
            part = (next.stream, next.incarnation, try next.entries())
            index = 0
            continue
          }
          part = nil
          guard let event = try await events?.next() else { return nil }
          switch event {
          case .batch(let batch): parts = batch.parts[...]
          case .skipped(let skip): if skip.reason != .filtered { try policy.pass(skip) }
          case .announced, .resolved, .deleted, .live, .behind, .interrupted, .resumed: break
          case .ended: return nil
          }
        }
      } catch {
        // End the subscription: nobody takes what the server would send.
        events = nil
        (part, parts) = (nil, [])
        throw error
      }
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(LogError) -> StreamEntry? {
      try await next()
    }
  }
}

extension GapPolicy {
  /// Goes on behind a gap, or throws.
  func pass(_ gap: SkippedRange) throws(LogError) {
    switch self {
    case .fail: throw LogError(missing: gap)
    case .ignore: break
    case .report(let report): report(gap)
    }
  }
}

extension LogError {
  /// Entries that were stored will not be delivered.
  fileprivate init(missing skip: SkippedRange) {
    let reason =
      switch skip.reason {
      case .lost: "damaged"
      case .undecided: "undecided, since a regular expression of the filter takes too long on them"
      case .filtered, .trimmed, .deleted: "\(skip.reason)"
      }
    self.init(
      .dataMissing,
      """
      stream '\(skip.stream)' lacks the entries \(skip.range.lowerBound) to \(skip.range.upperBound): they are \
      \(reason); continue after them, or say with onGap what to do at a gap
      """)
  }
}
