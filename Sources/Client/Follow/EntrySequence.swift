/// What an `EntrySequence` does where entries are missing that were stored once: lost with a damaged file, gone by
/// retention or deleted.
///
/// Entries that a filter leaves out are not missing.
public enum GapPolicy: Sendable {
  /// The sequence throws `LogError` with `dataMissing`.
  case fail
  /// The sequence goes on behind the gap, and nobody hears of it.
  case ignore
  /// The sequence goes on behind the gap; the closure hears of it first, in the task that iterates.
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
    /// What of a batch has not been decoded yet.
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
          case .skipped(let skip): try pass(skip)
          case .announced, .resolved, .live, .behind, .interrupted, .resumed: break
          case .ended: return nil
          }
        }
      } catch {
        // The server need not send what nobody takes.
        events = nil
        (part, parts) = (nil, [])
        throw error
      }
    }

    private func pass(_ skip: SkippedRange) throws(LogError) {
      guard skip.reason != .filtered else { return }
      switch policy {
      case .fail: throw LogError(missing: skip)
      case .ignore: break
      case .report(let report): report(skip)
      }
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(LogError) -> StreamEntry? {
      try await next()
    }
  }
}

extension LogError {
  /// Entries that were stored once will not come.
  fileprivate init(missing skip: SkippedRange) {
    self.init(
      .dataMissing,
      """
      stream '\(skip.stream)' lacks the entries \(skip.range.lowerBound) to \(skip.range.upperBound): they are \(skip.reason == .lost ? "damaged" : "\(skip.reason)"); \
      go on from behind them, or say with entries(onGap:) what to do at a gap
      """)
  }
}
