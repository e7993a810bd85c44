internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// The rate of a source: which of its readers wait for it, and which of its entries it costs. Bound to the desk's loop.
final class SourceRate {
  private let name: String
  private let desk: any ShipDesk
  private var limit: RateLimit
  private var held: [any SourceReader] = []
  private var heldSince: MonotonicTime?
  private var timer: LoopTimer?

  init(_ limit: RateLimit, of name: String, _ desk: any ShipDesk) {
    self.limit = limit
    self.name = name
    self.desk = desk
  }

  func end() {
    timer?.cancel()
    held = []
  }

  /// Takes one entry; false if it is to be dropped.
  func take() -> Bool { limit.take(desk.loop.now) }

  /// Whether a reader is to wait for the rate; then it gets its turn later.
  func mustWait(_ reader: any SourceReader) -> Bool {
    let now = desk.loop.now
    guard let wait = limit.wait(now) else {
      if held.isEmpty, let since = heldSince {
        heldSince = nil
        desk.log(
          .notice,
          """
          \(name): held back for \(now.milliseconds(since: since)) ms by its rate, \(limit.linesPerSecond) lines a \
          second
          """)
      }
      return false
    }
    heldSince = heldSince ?? now
    if !held.contains(where: { $0 === reader }) { held.append(reader) }
    guard timer == nil else { return true }
    timer = desk.loop.schedule(after: wait) { [weak self] in
      guard let self else { return }
      timer = nil
      let readers = held
      held = []
      for reader in readers { desk.turn(reader) }
    }
    return true
  }

  /// The status entry of a stream whose entries were dropped.
  ///
  /// - Parameters:
  ///   - count: how many there were since the last such entry.
  ///   - place: where they came from.
  func notice(_ count: UInt64, of place: String, _ attributes: [LogAttribute]) -> LogEntry {
    let what = "\(Figures.count(count, "line", "lines")) dropped: more than the source's rate"
    desk.log(.warning, "\(name): \(place): \(what)")
    return LogEntry(
      message: ByteString(what), time: SystemClock.wall(), severity: .warning, source: "logs ship",
      attributes: attributes + [LogAttribute("action", .string("drop"))], kind: .status)
  }
}
