internal import LogsSystem
internal import LogsWire

/// Who on a shard has something to do that takes longer than an answer: connections take turns, however much each of
/// them asks.
///
/// All together get a millisecond in a turn of the loop; then it is the sockets' turn, appends among what they bring.
final class Rota {
  /// How long turns are given in one turn of the loop. The last one may end later.
  static let durationMax = Duration.milliseconds(1)

  private var line = UniqueQueue<UInt64>()
  private let clock: () -> MonotonicTime

  init(clock: @escaping () -> MonotonicTime = { .now() }) { self.clock = clock }

  var isEmpty: Bool { line.isEmpty }

  /// Puts a connection at the end of the line, unless it stands there.
  func append(_ connection: UInt64) { line.append(connection) }

  /// Gives turns until the time is over or nobody waits.
  ///
  /// - Parameter takeTurn: gives a connection its turn; answers whether it has more to do.
  func run(_ takeTurn: (UInt64) -> Bool) {
    let end = clock() + Self.durationMax
    while let connection = line.popFirst() {
      if takeTurn(connection) { line.append(connection) }
      if clock() >= end { return }
    }
  }
}
