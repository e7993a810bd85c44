internal import LogsWire

/// One subscription of the table: how far it has come, and what the server may send for it on this connection.
///
/// A class, since a copy for each look into a dictionary would cost more than all that is done with a batch.
final class ClientSubscription {
  var progress: SubscriptionProgress
  /// Stored bytes that may wait here and be on their way.
  let window: Int
  /// Whether this connection has been asked.
  var isAsked = false
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

  init(progress: SubscriptionProgress, window: Int) {
    self.progress = progress
    self.window = window
  }

  /// There is no request on this connection.
  func reset() {
    for number in progress.parts.indices { progress.parts[number].isOpen = false }
    creditByteCount = 0
    isAsked = false
    liveSince = nil
  }

  /// The numbers of the parts that are open on this connection, ascending.
  var openParts: [Int] { progress.parts.indices.filter { progress.parts[$0].isOpen } }

  func close(_ number: Int) {
    guard progress.parts[number].isOpen else { return }
    progress.parts[number].isOpen = false
    creditByteCount -= progress.parts[number].creditLeft
  }

  /// Entries have come.
  func received(_ byteCount: Int, part number: Int) {
    creditByteCount -= min(progress.parts[number].creditLeft, byteCount)
    progress.parts[number].receivedByteCount += UInt64(byteCount)
  }

  /// Parts in the order in which they get what credit there is: each comes first in its turn.
  func nextTurns() -> [Int] {
    let numbers = openParts
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
    // A watch is never given any credit.
    guard progress.parts[number].isOpen, progress.parts[number].role != .watch else { return nil }
    let creditLeft = progress.parts[number].creditLeft
    let share = progress.isDivided ? max(window / 2 / progress.partCountMax, 1) : window
    // With one part the server learns of all that the application takes, which is reported in larger pieces already.
    guard !progress.isDivided || creditLeft <= share / 2 else { return nil }
    let room = max(window - waitingByteCount - creditByteCount, 0)
    let credit = min(share, creditLeft + room)
    guard credit > creditLeft else { return nil }
    creditByteCount += credit - creditLeft
    let total = progress.parts[number].receivedByteCount + UInt64(credit)
    progress.parts[number].creditTotal = total
    return total
  }
}
