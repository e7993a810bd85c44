internal import LogsWire
internal import Synchronization

/// How far the follower that is most behind is behind, of all shards.
///
/// Each shard looks now and then, as long as that is quick.
final class FollowerLag: Sendable {
  private let lags = Mutex<[Int: UInt64]>([:])

  /// With more followed streams than this nobody looks.
  static let streamCountMax = 100_000

  /// - Parameter lag: nil if it is not known.
  func set(_ lag: UInt64?, of shard: Int) { lags.withLock { $0[shard] = lag } }

  /// In entries; nil if it is not known.
  var max: UInt64? { lags.withLock { $0.values.max() } }
}

extension Hub {
  /// How many entries the follower that is most behind has not been sent. Pages do not count: they end.
  var lag: UInt64 {
    var lag: UInt64 = 0
    for channel in channels.values {
      for track in channel.tracks {
        let follow = track.subscription.follow
        guard case .behind = track.mode, !follow.isReverse, !follow.end.atHead else { continue }
        let head = min(channel.takenHead, track.bound ?? .max)
        if head >= track.next { lag = max(lag, head - track.next + 1) }
      }
    }
    return lag
  }
}
