internal import LogsWire

/// The events of followed streams. Following begins with the first call of `next` on an iterator.
///
/// The client reconnects by itself and continues with the entry after the last one delivered. The server sends batches
/// only as fast as they are taken: at most `LogClientConfiguration.followCreditByteCount` and one frame wait here.
///
/// Each iterator follows anew. It ends after `ended`, or throws a `LogError` that a retry cannot fix: `refused`
/// (`stream_replaced` and `cursor_ahead` among others), `invalidRequest`, `closed`, `gaveUp`. When the task that
/// iterates is cancelled, it returns nil without `ended`, drops what waits, and ends the subscription on the server.
public struct FollowSequence: AsyncSequence, Sendable {
  public typealias Element = FollowEvent
  public typealias Failure = LogError

  private let client: LogClient
  private let terms: SubscriptionTerms

  init(client: LogClient, terms: SubscriptionTerms) {
    self.client = client
    self.terms = terms
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(client: client, terms: terms) }

  /// Only the entries. Throws `LogError` with `dataMissing` where entries that were stored are missing;
  /// `entries(onGap:)` can continue there.
  public var entries: EntrySequence { entries(onGap: .fail) }

  /// Only the entries.
  ///
  /// - Parameter policy: what to do where entries that were stored are missing.
  public func entries(onGap policy: GapPolicy) -> EntrySequence { EntrySequence(subscription: self, policy: policy) }

  public struct AsyncIterator: AsyncIteratorProtocol {
    private let client: LogClient
    private let terms: SubscriptionTerms
    private var handle: SubscriptionHandle?

    init(client: LogClient, terms: SubscriptionTerms) {
      self.client = client
      self.terms = terms
    }

    public mutating func next() async throws(LogError) -> FollowEvent? {
      guard case .event(let event) = try await next(before: nil) else { return nil }
      return event
    }

    /// Follows from now on, not only from the first call of `next`.
    @discardableResult
    mutating func begin() throws(LogError) -> SubscriptionHandle {
      if let handle { return handle }
      try terms.check()
      let handle = client.begin(terms)
      self.handle = handle
      return handle
    }

    /// The next event, if there is one before `deadline`.
    mutating func next(before deadline: ContinuousClock.Instant?) async throws(LogError) -> EventBuffer.Next {
      let handle = try begin()
      let next = try await handle.buffer.next(before: deadline)
      if case .over = next { handle.end() }
      return next
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(LogError) -> FollowEvent? {
      try await next()
    }
  }
}

/// A subscription that has begun. When its last iterator is released, the server gets a CANCEL.
final class SubscriptionHandle: Sendable {
  let buffer: EventBuffer
  private let client: LogClient
  private let key: UInt64

  init(buffer: EventBuffer, client: LogClient, key: UInt64) {
    self.buffer = buffer
    self.client = client
    self.key = key
  }

  deinit { end() }

  /// Nobody takes events any more.
  func end() { if buffer.abandon() { client.endFollow(key) } }
}
