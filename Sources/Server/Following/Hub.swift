internal import LogsStore
internal import LogsWire

/// The streams that are followed on one shard, and the subscriptions that wait for streams to be created.
final class Hub {
  let store: Store
  /// Shared by all connections of the shard, which take turns.
  var checker = BatchChecker()
  var decoder = BatchDecoder()

  private var channels: [Int64: StreamChannel] = [:]
  private var waiting: [Subscription] = []

  init(store: Store) { self.store = store }

  /// The channel of a stream, made when nobody has followed the stream here yet.
  ///
  /// - Parameter info: the stream as it was found, which may be turns ago: commits taken since then found no channel to advance.
  func channel(_ info: StreamInfo) -> StreamChannel {
    if let channel = channels[info.id] { return channel }
    // The catalog's head includes every commit that the shard has taken; those it has not taken yet will find the channel.
    let channel = StreamChannel(store.stream(named: info.name) ?? info)
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

  func forget(_ subscription: Subscription) {
    stopWaiting(subscription)
    for track in subscription.tracks {
      track.channel.leave(track)
      if track.channel.tracks.isEmpty { channels[track.channel.id] = nil }
    }
  }

  /// Takes what one commit brought.
  func take(_ runs: [CommittedRun]) {
    for run in runs { take(run) }
    // Each looks for what is new in its turn.
    if runs.contains(where: \.isNewStream) { for subscription in waiting { subscription.askForTurn() } }
  }

  /// Hands what a stream got to everybody at its head.
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
