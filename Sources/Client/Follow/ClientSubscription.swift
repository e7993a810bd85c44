internal import LogsWire

/// One subscription of the table: its progress, and what the server may send for it on this connection.
///
/// A class: copying a struct out of the dictionary at each access would cost more than everything done with a batch.
final class ClientSubscription {
  var progress: SubscriptionProgress
  /// How many stored bytes may be in flight or wait for the application.
  let window: Int
  /// Whether it has been requested on this connection.
  var isAsked = false
  /// Whether the application got `interrupted` and not yet `resumed`.
  var isInterrupted = false
  /// Refusals since it last made progress: it received entries, or was live for a while. An accepted request is no
  /// progress yet: the server accepts it before it reads anything.
  var refusalCount = 0
  /// Since when it has been live on this connection.
  var liveSince: MonotonicTime?
  /// Stored bytes that the application has not taken yet.
  var waitingByteCount = 0
  /// Stored bytes that the server may still send on this connection, all parts together.
  private var creditByteCount = 0
  /// The part that got credit first last time.
  private var turn = 0

  init(progress: SubscriptionProgress, window: Int) {
    self.progress = progress
    self.window = window
  }

  /// No request is open any more.
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

  /// Entries have arrived.
  func received(_ byteCount: Int, part number: Int) {
    creditByteCount -= min(progress.parts[number].creditLeft, byteCount)
    progress.parts[number].receivedByteCount += UInt64(byteCount)
  }

  /// The parts in the order in which they get credit. They take turns in being first.
  func nextTurns() -> [Int] {
    let numbers = openParts
    let first = numbers.firstIndex { $0 > turn } ?? 0
    if numbers.count > 1 { turn = numbers[first] }
    return Array(numbers[first...] + numbers[..<first])
  }

  /// Raises the credit of a part. For all parts together, at most `window` bytes are in flight or wait here.
  ///
  /// A single part gets the whole window. Several share half of it in advance; the other half goes to those that send,
  /// so that idle parts do not keep it.
  /// - Returns: the new total; nil if it stays the same.
  func raise(_ number: Int) -> UInt64? {
    // A watch never gets credit.
    guard progress.parts[number].isOpen, progress.parts[number].role != .watch else { return nil }
    let creditLeft = progress.parts[number].creditLeft
    let share = progress.isDivided ? max(window / 2 / progress.partCountMax, 1) : window
    // With one part every report of the application raises the credit: the reports are coarse enough already.
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
