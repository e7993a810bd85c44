internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// The keys of appends whose clients number nothing. Each stands for a producer that sends one batch, so that the store
/// knows a repetition, also while the first request is under way or its answer was lost.
///
/// They are in memory: after a restart, a day, or when there are too many, a key is new again.
final class IdempotencyKeys: Sendable {
  struct Key: Hashable, Sendable {
    /// The token, address or user: nobody meets the keys of others.
    let client: String
    let stream: StreamName
    let text: String

    var byteCount: Int { client.utf8.count + stream.text.utf8.count + text.utf8.count }
  }

  private struct State {
    var producers: [Key: ProducerID] = [:]
    /// Oldest first.
    var order: ArraySlice<(key: Key, since: MonotonicTime)> = []
    var byteCount = 0

    mutating func forgetFirst() {
      let key = order.removeFirst().key
      producers[key] = nil
      byteCount -= key.byteCount
    }
  }

  private let state = Mutex(State())

  /// The producer that a key stands for from its first use on.
  func producer(for key: Key, now: MonotonicTime) -> ProducerID {
    state.withLock { state in
      while let first = state.order.first, now >= first.since + HTTPLimits.keyDuration { state.forgetFirst() }
      if let producer = state.producers[key] { return producer }
      while state.order.count >= HTTPLimits.keyCountMax
        || state.byteCount + key.byteCount > HTTPLimits.keysByteCountMax
      { state.forgetFirst() }
      let producer = ProducerID.random()
      state.producers[key] = producer
      state.order.append((key, now))
      state.byteCount += key.byteCount
      return producer
    }
  }
}
