internal import LogsWire

/// Notices commits that wait long for the disk: the first is reported at once, those after it as a count, once a
/// minute.
struct SlowSyncs {
  private let timeMin: Int64
  private var count = 0
  private var longest: Int64 = 0
  /// When the count is reported, by the monotonic clock; nil while there was none for a while.
  private var summaryAt: Int64?

  private static let interval = Duration.seconds(60)

  /// - Parameter timeMin: what is long.
  init(timeMin: Duration) { self.timeMin = timeMin.nanoseconds }

  /// - Parameter time: what a COMMIT took, in nanoseconds.
  mutating func note(_ time: Int64, now: Int64) -> LogLine? {
    guard time >= timeMin else { return nil }
    if summaryAt != nil {
      count += 1
      longest = max(longest, time)
      return nil
    }
    summaryAt = now &+ Self.interval.nanoseconds
    return .warn(
      """
      a commit waited \(Self.text(time)) for the disk (fsync), and producers for their acknowledgements: look at the \
      disk, and at what else writes to it
      """)
  }

  mutating func summary(now: Int64) -> LogLine? {
    guard let due = summaryAt, now >= due else { return nil }
    defer { (count, longest) = (0, 0) }
    summaryAt = count == 0 ? nil : now &+ Self.interval.nanoseconds
    guard count > 0 else { return nil }
    return .warn(
      "\(count) more commits waited \(Self.text(timeMin)) or longer for the disk (fsync), at most \(Self.text(longest))"
    )
  }

  private static func text(_ time: Int64) -> String { "\(time / 1_000_000_000).\(time / 100_000_000 % 10) s" }
}
