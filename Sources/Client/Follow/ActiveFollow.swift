internal import LogsWire

/// A subscription and the connection's part of it.
///
/// A class, since a copy for each look into a dictionary would cost more than all that is done with a batch.
final class ActiveFollow {
  var state: FollowState
  /// Stored bytes that may wait here and be on their way.
  let window: Int
  /// Whether this connection has been asked.
  var isAsked = false
  /// The requests that are open on this connection, by their numbers in `state`.
  var parts: [Int: OpenPart] = [:]
  /// Whether the application has been told of an interruption and not yet of its end.
  var isInterrupted = false
  /// Refusals since it last made progress: entries came, or it was live for a while. That the server takes it up is
  /// none: it does so before it has read anything.
  var refusalCount = 0
  /// Since when there is nothing left to deliver, on this connection.
  var liveSince: MonotonicTime?
  /// Stored bytes that the application has not taken yet.
  var waitingByteCount = 0
  /// Stored bytes that the server may still send on this connection, all parts together.
  private var creditByteCount = 0
  /// The part whose turn it is to be given credit.
  private var turn = 0

  init(state: FollowState, window: Int) {
    self.state = state
    self.window = window
  }

  /// There is no request on this connection.
  func reset() {
    parts = [:]
    creditByteCount = 0
    isAsked = false
    liveSince = nil
  }

  func close(_ number: Int) {
    guard let part = parts.removeValue(forKey: number) else { return }
    creditByteCount -= part.creditLeft
  }

  /// Entries have come.
  func received(_ byteCount: Int, part number: Int) {
    guard let part = parts[number] else { return }
    parts[number]?.receivedByteCount += UInt64(byteCount)
    creditByteCount -= min(part.creditLeft, byteCount)
  }

  /// Parts in the order in which they get what credit there is: each comes first in its turn.
  func nextTurns() -> [Int] {
    let numbers = parts.keys.sorted()
    let first = numbers.firstIndex { $0 > turn } ?? 0
    if numbers.count > 1 { turn = numbers[first] }
    return Array(numbers[first...] + numbers[..<first])
  }

  /// Raises what the server may send on a part, so that no more than `window` waits here or is on its way, all parts
  /// together.
  ///
  /// Only one part: all of the window. Several share half of it, so that those which have nothing to send do not keep
  /// the others from sending when the rest waits here.
  /// - Returns: the new total; nil when it stays.
  func raise(_ number: Int) -> UInt64? {
    guard let part = parts[number], !part.isWatch else { return nil }
    let share = state.isDivided ? max(window / 2 / state.partCountMax, 1) : window
    // With one part the server learns of all that the application takes, which is reported in larger pieces already.
    guard !state.isDivided || part.creditLeft <= share / 2 else { return nil }
    let room = max(window - waitingByteCount - creditByteCount, 0)
    let credit = min(share, part.creditLeft + room)
    guard credit > part.creditLeft else { return nil }
    creditByteCount += credit - part.creditLeft
    let total = part.receivedByteCount + UInt64(credit)
    parts[number]?.creditTotal = total
    return total
  }
}

/// A request that is open on this connection.
struct OpenPart {
  var id: UInt32 = 0
  let isWatch: Bool
  var receivedByteCount: UInt64 = 0
  /// What the server was told it may send in all.
  var creditTotal: UInt64 = 0

  /// Stored bytes that the server may still send; it may have overdrawn by one batch.
  var creditLeft: Int { creditTotal > receivedByteCount ? Int(creditTotal - receivedByteCount) : 0 }
}
