package import LogsStore
package import LogsWire

/// The streams that are followed on one shard, and its subscriptions that wait for streams to be created or for reads.
package final class Hub {
  let source: any StreamSource
  let thread: any HubThread
  let counters: Counters
  /// Shared by all subscriptions, which take turns.
  var decoder = BatchDecoder()

  private let subscriptionCount: SubscriptionCount
  private let followedStreamCountMax: Int
  private var channels: [Int64: StreamChannel] = [:]
  private var waiting: [Subscription] = []
  private var reads: [UInt64: PendingRead] = [:]
  private var lastReadID: UInt64 = 0

  /// The requests that reader threads are working on.
  private struct PendingRead {
    let subscription: Subscription
    /// They may outlive the subscription's host.
    let slots: ReadSlots
  }

  /// - Parameter followedStreamCountMax: streams of all subscriptions that `counters` counts.
  package init(
    source: any StreamSource, thread: any HubThread, counters: Counters, subscriptionCount: SubscriptionCount,
    followedStreamCountMax: Int
  ) {
    self.source = source
    self.thread = thread
    self.counters = counters
    self.subscriptionCount = subscriptionCount
    self.followedStreamCountMax = followedStreamCountMax
  }

  /// The last call: later answers from reader threads are dropped.
  package func close() { reads = [:] }
}

// MARK: - Subscriptions

extension Hub {
  /// A subscription, for its host to keep and then to `begin`.
  package func subscription(_ id: UInt32, _ follow: Follow, host: any SubscriptionHost) -> Subscription {
    // Before the streams are looked up: from then on it needs every commit.
    subscriptionCount.add()
    counters.subscriptions.add(1)
    return Subscription(id: id, follow: follow, host: host, hub: self)
  }

  /// Counts one more stream, if the server's limit allows it.
  ///
  /// - Returns: the refusal, if it does not.
  func countStream() -> Refusal? {
    guard counters.followedStreams.current >= followedStreamCountMax else {
      counters.followedStreams.add(1)
      return nil
    }
    let limit = followedStreamCountMax
    return Refusal(
      .tooManySubscriptions,
      "the server's subscriptions have \(limit) streams, which is its limit; follow fewer, or raise --followed-streams",
      isRetryable: true, retryAfterMilliseconds: 1_000, limit: .init("followed-streams", UInt64(limit)))
  }

  /// The channel of a stream, made when nobody has followed the stream here yet.
  ///
  /// - Parameter info: the stream as it was found, which may be turns ago: commits taken since then found no channel to
  ///   advance.
  func channel(_ info: StreamInfo) -> StreamChannel {
    if let channel = channels[info.id] { return channel }
    // The catalog's head includes every commit that the shard has taken; those it has not taken yet will find the
    // channel.
    let channel = StreamChannel(source.stream(named: info.name) ?? info)
    channels[info.id] = channel
    return channel
  }

  /// `subscription` wants streams that do not exist yet.
  func await(_ subscription: Subscription) {
    subscription.waitingIndex = waiting.count
    waiting.append(subscription)
  }

  private func stopWaiting(_ subscription: Subscription) {
    guard let index = subscription.waitingIndex, let last = waiting.popLast() else { return }
    subscription.waitingIndex = nil
    guard last !== subscription else { return }
    waiting[index] = last
    last.waitingIndex = index
  }

  /// `subscription` is over.
  func forget(_ subscription: Subscription) {
    stopWaiting(subscription)
    for track in subscription.tracks {
      track.channel.leave(track)
      if track.channel.tracks.isEmpty { channels[track.channel.id] = nil }
    }
    counters.followedStreams.add(-subscription.tracks.count)
    counters.subscriptions.add(-1)
    subscriptionCount.subtract()
  }
}

// MARK: - Commits

extension Hub {
  /// Processes one commit.
  package func take(_ runs: [CommittedRun]) {
    for run in runs { take(run) }
    // Each looks for what is new in its turn.
    if runs.contains(where: \.isNewStream) { for subscription in waiting { subscription.askForTurn() } }
  }

  /// Hands new entries of a stream to everybody at its head.
  private func take(_ run: CommittedRun) {
    guard let channel = channels[run.stream.id] else { return }
    channel.advance(run)
    // A delivery may end a subscription, which moves the last track into its place: go from the end.
    var index = channel.tracks.count - 1
    while index >= 0 {
      if index < channel.tracks.count {
        let track = channel.tracks[index]
        track.subscription.offer(run, to: track)
      }
      index -= 1
    }
  }
}

// MARK: - Reader threads

/// A reader thread's answer to a subscription.
enum ReadAnswer: Sendable {
  case read([Result<ReadResult, StoreError>])
  case start(handle: UInt32, Result<UInt64, StoreError>)
  /// In reverse, the number to begin with.
  case top(handle: UInt32, Result<UInt64?, StoreError>)
}

extension Hub {
  /// Reads on a reader thread.
  func read(_ requests: [ReadRequest], for subscription: Subscription) {
    source.read(requests, cancellation: subscription.cancellation, then: answerer(subscription) { .read($0) })
  }

  /// Looks up by its time where a stream's delivery starts: a read like others.
  func findStart(of track: Track, atOrAfter time: Int64) {
    let handle = track.handle
    source.findSequence(
      stream: track.channel.id, atOrAfter: time, cancellation: track.subscription.cancellation,
      then: answerer(track.subscription) { .start(handle: handle, $0) })
  }

  /// Looks up where a reverse delivery starts.
  func findTop(of track: Track, atOrBefore time: Int64, in bounds: ClosedRange<UInt64>) {
    let handle = track.handle
    source.findSequence(
      stream: track.channel.id, atOrBefore: time, in: bounds, cancellation: track.subscription.cancellation,
      then: answerer(track.subscription) { .top(handle: handle, $0) })
  }

  /// Brings an answer from a reader thread back to `subscription`, which it identifies by a number: a reference would
  /// cross threads.
  private func answerer<Value: Sendable>(
    _ subscription: Subscription, _ answer: @escaping @Sendable (Value) -> ReadAnswer
  ) -> @Sendable (Value) -> Void {
    lastReadID += 1
    let id = lastReadID
    let slots = subscription.host.reads
    reads[id] = PendingRead(subscription: subscription, slots: slots)
    slots.begin()
    return { [thread] value in
      let answer = answer(value)
      thread.reach { $0.take(answer, of: id) }
    }
  }

  private func take(_ answer: ReadAnswer, of id: UInt64) {
    guard let read = reads.removeValue(forKey: id) else { return }
    read.slots.end()
    read.subscription.take(answer)
  }
}
