internal import LogsWire

/// One stream of one subscription: how far it has been delivered, and where it ends.
final class Track {
  enum Mode {
    /// Where delivery starts is being looked up.
    case resolving
    /// Behind the head: fed from the store.
    case behind
    /// At the head: fed by commits.
    case live
    /// Delivered to its end.
    case done(Ending)
  }

  enum Ending { case sealed, until }

  /// Approximate memory of one.
  static let byteCount = 200

  let handle: UInt32
  let channel: StreamChannel
  unowned let subscription: Subscription
  /// Where the channel keeps this track.
  var index = 0
  var mode: Mode = .resolving
  /// The next number to deliver; in reverse, the one above it.
  var next: UInt64 = 1
  /// The last number wanted; in reverse, the lowest.
  var bound: UInt64?
  /// The stream's last number when the subscription began, kept while its start is looked up.
  var headAtBeginning: UInt64 = 0
  /// What the filter has left out and was not told yet; it ends at `next`.
  var skipped: ClosedRange<UInt64>?
  /// While the last entries that pass are looked for: how many more.
  var wantedCount: UInt64 = 0
  /// Whether that search ended before all were found.
  var isSearchCut = false
  /// Bytes of small commits of a slow stream, since it was sent its dictionary.
  var slowByteCount = 0
  /// What small commits are compressed with; 0 if they are not.
  var dictionary: UInt64 = 0
  /// Whether LIVE waits for this track.
  var isBackfilling = false

  init(handle: UInt32, channel: StreamChannel, subscription: Subscription) {
    self.handle = handle
    self.channel = channel
    self.subscription = subscription
  }

  var isDone: Bool { if case .done = mode { true } else { false } }
}
