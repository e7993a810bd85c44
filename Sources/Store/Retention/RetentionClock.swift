internal import LogsSystem
internal import LogsWire

/// The time by which retention judges age: the system's clock, unless it has just jumped forward.
///
/// A clock that says 2153 makes everything old. So a jump of more than a day is believed only once the clock has stood
/// there for a day; until then nothing goes by its age. A jump back is believed at once: it makes nothing old.
///
/// At a start the last entry's time is all that is known of the time before. Days without a server look the same there
/// as a clock that was set forward meanwhile, so both wait for a day.
struct RetentionClock: Sendable {
  /// What the clock was ahead of `elapsed` when it was last believed.
  private var believed: Int64
  /// When the jump was noticed that is not believed yet.
  private var doubtedSince: Int64?
  /// Whether the clock was believed since the start.
  private var hasBelieved = false

  /// Why the clock is not believed.
  private(set) var doubt: Doubt?

  struct Doubt: Hashable {
    /// How much later it is than it should be, if there was no downtime.
    let ahead: Duration
    /// Whether that was so from the start: then the server may have been down, or got no entries, for so long.
    let isSinceStart: Bool
  }

  static let jumpMax = Duration.seconds(24 * 3600)
  static let doubtDuration = Duration.seconds(24 * 3600)

  /// - Parameters:
  ///   - latest: when the last entry before the start was received, or the clock's time if there is none.
  ///   - elapsed: nanoseconds by a clock that cannot be set and does not stand still.
  init(latest: Int64, elapsed: Int64) { believed = latest.subtractingClamped(elapsed) }

  /// - Returns: the time, nil while the clock is not believed.
  mutating func look(wall: Int64, elapsed: Int64) -> Int64? {
    let offset = wall.subtractingClamped(elapsed)
    let ahead = offset.subtractingClamped(believed)
    if ahead > Self.jumpMax.nanoseconds {
      let since = doubtedSince ?? elapsed
      doubtedSince = since
      guard elapsed - since >= Self.doubtDuration.nanoseconds else {
        doubt = Doubt(ahead: .nanoseconds(ahead), isSinceStart: !hasBelieved)
        return nil
      }
    }
    believed = offset
    (doubt, doubtedSince) = (nil, nil)
    hasBelieved = true
    return wall
  }
}

extension Int64 {
  /// The difference, or else the nearest number that there is.
  func subtractingClamped(_ other: Int64) -> Int64 {
    let (difference, overflows) = subtractingReportingOverflow(other)
    return overflows ? (self < 0 ? .min : .max) : difference
  }
}
