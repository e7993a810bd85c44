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
  /// How long it was held back since the last word about it, and when that was.
  private var heldNanoseconds: UInt64 = 0
  private var heldToldLast: MonotonicTime?
  private var timer: LoopTimer?

  private static let heldTellingNanoseconds: UInt64 = 60_000_000_000

  init(_ limit: RateLimit, of name: String, _ desk: any ShipDesk) {
    self.limit = limit
    self.name = name
    self.desk = desk
  }

  func end() {
    timer?.cancel()
    held = []
  }

  /// Whether any reader waits.
  var isHolding: Bool { !held.isEmpty }

  /// A reader has ended.
  func forget(_ reader: any SourceReader) { held.removeAll { $0 === reader } }

  /// Takes one entry; false if it is to be dropped.
  func take() -> Bool { limit.take(desk.loop.now) }

  /// Whether a reader is to wait for the rate; then it gets its turn later.
  func mustWait(_ reader: any SourceReader) -> Bool {
    let now = desk.loop.now
    guard let wait = limit.wait(now) else {
      if held.isEmpty, let since = heldSince {
        heldSince = nil
        heldNanoseconds += now.nanoseconds(since: since)
        tellHeld(now)
      }
      return false
    }
    heldSince = heldSince ?? now
    if !held.contains(where: { $0 === reader }) { held.append(reader) }
    tellHeld(now)
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

  /// Says now and then how long the rate has held the source back.
  private func tellHeld(_ now: MonotonicTime) {
    if let last = heldToldLast, now.nanoseconds(since: last) < Self.heldTellingNanoseconds { return }
    let current = heldNanoseconds + (heldSince.map { now.nanoseconds(since: $0) } ?? 0)
    guard current > 0 else { return }
    heldToldLast = now
    heldNanoseconds = 0
    if heldSince != nil { heldSince = now }
    desk.log(
      .notice, "\(name): held back for \(current / 1_000_000) ms by its rate, \(limit.linesPerSecond) lines a second")
  }

  /// As many lines as may be read now.
  func within(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard var left = limit.lineCountMax() else { return bytes }
    for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") {
      left -= 1
      if left == 0 { return bytes[...index] }
    }
    return bytes
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
