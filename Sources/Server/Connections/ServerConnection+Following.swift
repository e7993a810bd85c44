internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// Where the answer of a reader thread belongs. Names, not references: what they name may be gone by then, and its id used
/// again.
struct Place: Sendable {
  let connection: UInt64
  let subscription: UInt32
  let serial: UInt64
}

/// What comes back to a subscription.
enum Answer: Sendable {
  case read([Result<ReadResult, StoreError>])
  case start(handle: UInt32, Result<UInt64, StoreError>)
  /// In reverse, the number to begin with.
  case top(handle: UInt32, Result<UInt64?, StoreError>)
}

/// What subscriptions need of their connection.
extension ServerConnection {
  /// Reads that may wait at the reader threads for one connection: more would hold up the others' reads.
  private static let readCountMax = 4

  func begin(_ id: UInt32, _ follow: Follow) {
    // Before the streams are looked up: from then on it needs every commit.
    desk.shard.subscriptionCount.add(1, ordering: .sequentiallyConsistent)
    let subscription = Subscription(id: id, serial: nextSerial(), follow: follow, connection: self, hub: desk.hub)
    subscriptions[id] = subscription
    desk.counters.subscriptions.add(1)
    subscription.begin()
  }

  /// Whether a batch may be sent on a subscription now. If the socket is what is full, the subscription is resumed when it
  /// has room; credit resumes it by itself.
  func canDeliver(_ subscription: Subscription) -> Bool {
    creditLeft(subscription.id) > 0 && hasRoom(for: subscription)
  }

  /// Whether the socket has room. If not, the subscription gets a turn when it has.
  func hasRoom(for subscription: Subscription) -> Bool {
    guard isFull else { return true }
    waitingForTurn.append(subscription.id)
    return false
  }

  func awaitTurn(_ subscription: Subscription) { awaitTurn(subscription.id) }

  /// Stored bytes that may still be sent on a subscription.
  func creditLeft(_ id: UInt32) -> Int { session.creditLeft(id) }

  func deliver(_ id: UInt32, _ range: BatchRange, batches: Bytes) {
    desk.counters.deliveredEntries.add(Int(range.to - range.from) + 1)
    desk.counters.deliveredBytes.add(batches.count)
    send(session.deliver(id, range, batches: batches))
  }

  func tell(_ id: UInt32, _ message: Message) { send(session.tell(id, message)) }

  func endSubscription(_ subscription: Subscription, _ reason: EndReason) {
    forget(subscription)
    send(session.end(subscription.id, reason))
  }

  func refuseSubscription(_ subscription: Subscription, _ refusal: Refusal) {
    forget(subscription)
    send(session.refuse(subscription.id, refusal))
  }

  /// Counts one stream more, if the server's limit allows it.
  func mayFollowMore() -> Bool {
    guard desk.counters.followedStreams.current < desk.settings.followedStreamCountMax else { return false }
    desk.counters.followedStreams.add(1)
    return true
  }

  var followsTooMuch: Refusal {
    let limit = desk.settings.followedStreamCountMax
    return Refusal(
      .tooManySubscriptions,
      "the server's subscriptions have \(limit) streams, which is its limit; follow fewer, or raise --followed-streams",
      isRetryable: true, retryAfterMilliseconds: 1_000, limit: .init("followed-streams", UInt64(limit)))
  }

  private func forget(_ subscription: Subscription) {
    guard subscriptions.removeValue(forKey: subscription.id) != nil else { return }
    release(subscription)
  }

  private func release(_ subscription: Subscription) {
    desk.counters.subscriptions.add(-1)
    desk.counters.followedStreams.add(-subscription.tracks.count)
    desk.hub.forget(subscription)
    desk.shard.subscriptionCount.subtract(1, ordering: .sequentiallyConsistent)
  }

  /// The connection ends: nothing is read for it any more.
  func forgetSubscriptions() {
    for subscription in subscriptions.values {
      subscription.abandon()
      release(subscription)
    }
    subscriptions.removeAll()
  }

  func schedule(after delay: Duration, _ body: @escaping () -> Void) -> LoopTimer {
    connection.loop.schedule(after: delay, body)
  }

  // MARK: Reader threads

  /// Whether one read more may be begun. If not, the subscription gets a turn when one of them ends.
  func hasReader(for subscription: Subscription) -> Bool {
    guard readCount < Self.readCountMax else {
      waitingForReader.append(subscription.id)
      return false
    }
    return true
  }

  /// Reads on a reader thread.
  ///
  /// - Returns: false when the connection has enough reads under way; the subscription gets a turn when one of them ends.
  func read(_ requests: [ReadRequest], for subscription: Subscription) -> Bool {
    guard hasReader(for: subscription) else { return false }
    readCount += 1
    desk.store.read(requests, cancellation: subscription.cancellation, then: answerer(subscription) { .read($0) })
    return true
  }

  /// Looks a place up by its time, on a reader thread: a read like others, which `hasReader` has allowed or which follows on one.
  func findSequence(atOrAfter time: Int64, for subscription: Subscription, _ track: Track) {
    readCount += 1
    let handle = track.handle
    desk.store.findSequence(
      stream: track.channel.id, atOrAfter: time, cancellation: subscription.cancellation,
      then: answerer(subscription) { .start(handle: handle, $0) })
  }

  func findSequence(
    atOrBefore time: Int64, in bounds: ClosedRange<UInt64>, for subscription: Subscription, _ track: Track
  ) {
    readCount += 1
    let handle = track.handle
    desk.store.findSequence(
      stream: track.channel.id, atOrBefore: time, in: bounds, cancellation: subscription.cancellation,
      then: answerer(subscription) { .top(handle: handle, $0) })
  }

  /// What brings an answer from a reader thread back to the subscription.
  private func answerer<Value: Sendable>(
    _ subscription: Subscription, _ answer: @escaping @Sendable (Value) -> Answer
  ) -> @Sendable (Value) -> Void {
    let place = place(of: subscription)
    return { [shard = desk.shard] value in
      let answer = answer(value)
      shard.execute { $0.deliver(answer, to: place) }
    }
  }

  private func place(of subscription: Subscription) -> Place {
    Place(connection: id, subscription: subscription.id, serial: subscription.serial)
  }

  func deliver(_ answer: Answer, to place: Place) {
    let subscription = subscriptions[place.subscription].flatMap { $0.serial == place.serial ? $0 : nil }
    switch answer {
    case .read(let results):
      readEnded()
      subscription?.readFinished(results)
    case .start(let handle, let result):
      readEnded()
      subscription?.startFound(handle, result)
    case .top(let handle, let result):
      readEnded()
      subscription?.topFound(handle, result)
    }
  }

  private func readEnded() {
    readCount -= 1
    callReaders()
  }

  /// Gives those that wait for a reader a turn, as many as may read. One that does not read after all leaves it to the next: this is
  /// called at the end of its turn again.
  func callReaders() {
    var freeCount = Self.readCountMax - readCount
    while freeCount > 0, let id = waitingForReader.popFirst() {
      freeCount -= 1
      awaitTurn(id)
    }
  }
}
