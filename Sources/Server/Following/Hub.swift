package import LogsStore
package import LogsWire

/// The streams that are followed on one shard, and its subscriptions that wait for streams to be created or for reads.
package final class Hub {
  let source: any StreamSource
  let thread: any HubThread
  let counters: Counters
  /// Shared by all subscriptions, which take turns.
  var decoder = BatchDecoder()
  /// For what headers say; batches are evaluated on reader threads.
  lazy var evaluator = FilterEvaluator()
  let liveDictionaries: LiveDictionaries
  private var filters: [Filter: (shared: SharedFilter, useCount: Int)] = [:]

  private let subscriptionCount: SubscriptionCount
  /// Streams of all subscriptions together.
  var followedStreamCountMax: Int
  private(set) var channels: [Int64: StreamChannel] = [:]
  /// By their names; of several that had one name, the first.
  private var namedChannels: [StreamName: StreamChannel] = [:]
  private var waiting: [Subscription] = []
  private var reads: [UInt64: PendingRead] = [:]
  private var queryReads: [UInt64: ([Result<ReadResult, StoreError>]) -> Void] = [:]
  /// The filtered reads under way, which those who ask for the same share.
  private var sharedReads: [[ReadRequest]: UInt64] = [:]
  private var lastReadID: UInt64 = 0

  /// The requests that reader threads are working on.
  private struct PendingRead {
    struct Waiter {
      let subscription: Subscription
      /// They may outlive the subscription's host. Nil for one that has joined another's read.
      let slots: ReadSlots?
    }

    var waiters: [Waiter]
    /// What it can be shared for, and how to end it when nobody waits any more.
    var shared: (requests: [ReadRequest], cancellation: CancellationToken)?
  }

  /// - Parameter followedStreamCountMax: streams of all subscriptions that `counters` counts.
  package init(
    source: any StreamSource, thread: any HubThread, counters: Counters, subscriptionCount: SubscriptionCount,
    followedStreamCountMax: Int, liveDictionaries terms: LiveDictionaries.Terms = LiveDictionaries.Terms()
  ) {
    liveDictionaries = LiveDictionaries(source, thread, terms)
    self.source = source
    self.thread = thread
    self.counters = counters
    self.subscriptionCount = subscriptionCount
    self.followedStreamCountMax = followedStreamCountMax
  }

  /// The last call: later answers from reader threads are dropped.
  package func close() {
    reads = [:]
    queryReads = [:]
  }
}

// MARK: - Subscriptions

extension Hub {
  /// A subscription, for its host to keep and then to `begin`.
  ///
  /// - Parameter rights: of what its patterns select it gets the streams that these allow to read.
  package func subscription(
    _ id: UInt32, _ follow: Follow, host: any SubscriptionHost, rights: Rights = .all
  ) -> Subscription {
    // Before the streams are looked up: from then on it needs every commit.
    subscriptionCount.add()
    counters.subscriptions.add(1)
    return Subscription(id: id, follow: follow, host: host, hub: self, rights: rights)
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
      """
      the server's subscriptions have \(Figures.count(limit, "stream", "streams")), which is its limit; follow \
      fewer, or raise --followed-streams
      """,
      isRetryable: true, retryAfterMilliseconds: 1_000, limit: .init("followed-streams", UInt64(limit)))
  }

  /// The channel of a stream, made when nobody has followed the stream here yet.
  ///
  /// - Parameter info: the stream as it is in the catalog now: commits taken since it was found had no channel to
  ///   advance.
  func channel(_ info: StreamInfo) -> StreamChannel {
    if let channel = channels[info.id] {
      if namedChannels[info.name] == nil { namedChannels[info.name] = channel }
      return channel
    }
    // The catalog's head includes every commit that the shard has taken; those it has not taken yet will find the
    // channel.
    let channel = StreamChannel(info)
    channels[info.id] = channel
    if namedChannels[info.name] == nil { namedChannels[info.name] = channel }
    return channel
  }

  /// Whether a subscription still follows the stream that had the name before: it was deleted, and the shard has not
  /// taken the commit that says so, although the catalog has the next one already.
  func isFollowingFormer(of info: StreamInfo, _ subscription: Subscription) -> Bool {
    guard let former = namedChannels[info.name], former.id != info.id else { return false }
    return former.tracks.contains { $0.subscription === subscription }
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

  /// The object that stands for `filter` as long as a subscription has an equal one.
  func share(_ filter: Filter) -> SharedFilter {
    let shared = filters[filter]?.shared ?? SharedFilter(filter)
    filters[filter] = (shared, (filters[filter]?.useCount ?? 0) + 1)
    return shared
  }

  private func unshare(_ filter: Filter) {
    guard let entry = filters[filter] else { return }
    filters[filter] = entry.useCount > 1 ? (entry.shared, entry.useCount - 1) : nil
  }

  /// `subscription` is over.
  func forget(_ subscription: Subscription) {
    stopWaiting(subscription)
    if let filter = subscription.filter {
      unshare(filter.filter)
      for id in sharedReads.values {
        guard let read = reads[id], read.waiters.allSatisfy(\.subscription.isOver) else { continue }
        read.shared?.cancellation.cancel()
      }
    }
    for track in subscription.tracks {
      track.channel.leave(track)
      guard track.channel.tracks.isEmpty else { continue }
      channels[track.channel.id] = nil
      liveDictionaries.forget(track.channel.id)
      if namedChannels[track.channel.name] === track.channel { namedChannels[track.channel.name] = nil }
    }
    counters.followedStreams.add(-subscription.tracks.count)
    counters.subscriptions.add(-1)
    subscriptionCount.subtract()
  }
}

// MARK: - Commits

extension Hub {
  /// Processes one commit.
  package func take(_ runs: [CommittedRun], deleted: [StreamInfo] = []) {
    for stream in deleted {
      // Each may end a subscription, which leaves the channel.
      for track in channels[stream.id]?.tracks ?? [] { track.subscription.streamDeleted(stream, track) }
    }
    if !channels.isEmpty { for index in runs.indices { take(runs[index]) } }
    // Each looks for what is new in its turn.
    if runs.contains(where: \.isNewStream) { for subscription in waiting { subscription.askForTurn() } }
  }

  /// Hands new entries of a stream to everybody at its head.
  private func take(_ run: CommittedRun) {
    guard let channel = channels[run.stream.id] else { return }
    channel.advance(run, at: thread.monotonicTime)
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
  /// A part of the search for the last entries that pass a filter.
  case last(handle: UInt32, Result<ReadResult, StoreError>)
}

extension Hub {
  /// Reads on a reader thread. What others with an equal filter are reading is read once for all.
  func read(_ requests: [ReadRequest], for subscription: Subscription) {
    if subscription.filter != nil {
      if isShared(requests), let id = sharedReads[requests] {
        reads[id]?.waiters.append(.init(subscription: subscription, slots: nil))
        return
      }
      let cancellation = CancellationToken()
      let answer = answerer(subscription, sharing: (requests, cancellation)) { .read($0) }
      return source.read(requests, cancellation: cancellation, then: answer)
    }
    source.read(requests, cancellation: subscription.cancellation, then: answerer(subscription) { .read($0) })
  }

  /// Whether others are reading just that, and can be joined.
  func isShared(_ requests: [ReadRequest]) -> Bool {
    guard let id = sharedReads[requests] else { return false }
    return reads[id]?.shared?.cancellation.isCancelled == false
  }

  /// Reads on a reader thread for a query.
  func read(
    _ requests: [ReadRequest], _ cancellation: CancellationToken,
    then: @escaping ([Result<ReadResult, StoreError>]) -> Void
  ) {
    lastReadID += 1
    let id = lastReadID
    queryReads[id] = then
    source.read(requests, cancellation: cancellation) { [thread] results in
      thread.reach { hub in hub.queryReads.removeValue(forKey: id)?(results) }
    }
  }

  /// Looks up by its time where a stream's delivery starts: a read like others.
  func findStart(of track: Track, atOrAfter time: Int64) {
    let handle = track.handle
    source.findSequence(
      stream: track.channel.id, atOrAfter: time, cancellation: track.subscription.cancellation,
      then: answerer(track.subscription) { .start(handle: handle, $0) })
  }

  /// Reads down a stream for the last entries that pass the subscription's filter.
  func findLast(of track: Track, downFrom number: UInt64) {
    let handle = track.handle
    let request = ReadRequest(
      stream: track.channel.id, from: 1, to: number, isReverse: true, filter: track.subscription.filter,
      countMax: track.wantedCount)
    source.read(
      [request], cancellation: track.subscription.cancellation,
      then: answerer(track.subscription) { .last(handle: handle, $0[0]) })
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
    _ subscription: Subscription, sharing shared: (requests: [ReadRequest], cancellation: CancellationToken)? = nil,
    _ answer: @escaping @Sendable (Value) -> ReadAnswer
  ) -> @Sendable (Value) -> Void {
    lastReadID += 1
    let id = lastReadID
    let slots = subscription.host.reads
    slots.begin()
    reads[id] = PendingRead(waiters: [.init(subscription: subscription, slots: slots)], shared: shared)
    if let shared { sharedReads[shared.requests] = id }
    return { [thread] value in
      let answer = answer(value)
      thread.reach { $0.take(answer, of: id) }
    }
  }

  private func take(_ answer: ReadAnswer, of id: UInt64) {
    guard let read = reads.removeValue(forKey: id) else { return }
    if let shared = read.shared, sharedReads[shared.requests] == id { sharedReads[shared.requests] = nil }
    for waiter in read.waiters {
      waiter.slots?.end()
      waiter.subscription.take(answer)
    }
  }
}
