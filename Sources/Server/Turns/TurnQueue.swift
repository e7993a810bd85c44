internal import LogsSystem
internal import LogsWire

/// The connections of a shard that have work to do that takes longer than an answer. They take turns, however much
/// each of them asks for.
///
/// Together they get a millisecond in each turn of the loop; then the sockets are served, including new appends.
final class TurnQueue {
  /// How long turns are given in one turn of the loop. The last one may end later.
  static let durationMax = Duration.milliseconds(1)

  private var line = UniqueQueue<UInt64>()
  private let clock: () -> MonotonicTime

  init(clock: @escaping () -> MonotonicTime = { .now() }) { self.clock = clock }

  var isEmpty: Bool { line.isEmpty }

  /// Puts a connection at the end of the line, unless it is already in line.
  func append(_ connection: UInt64) { line.append(connection) }

  /// Gives turns until the time is up or nobody waits.
  ///
  /// - Parameter takeTurn: gives a connection its turn; returns whether it has more to do.
  func run(_ takeTurn: (UInt64) -> Bool) {
    let end = clock() + Self.durationMax
    while let connection = line.popFirst() {
      if takeTurn(connection) { line.append(connection) }
      if clock() >= end { return }
    }
  }
}
