internal import LogsSystem
internal import LogsText
internal import LogsWire

extension Arguments {
  /// A whole number of at least `least`.
  func number(_ option: String, atLeast least: UInt64 = 0) throws(CommandError) -> UInt64? {
    guard let text = value(option) else { return nil }
    guard let number = UInt64(text), number >= least else {
      throw .usage("--\(option) takes a whole number of at least \(least), not '\(text)'")
    }
    return number
  }

  /// A time, in nanoseconds since 1970.
  func time(_ option: String) throws(CommandError) -> Int64? {
    guard let text = value(option) else { return nil }
    guard let time = TimeText.parse(text, now: SystemClock.wall()) else {
      throw .usage(
        """
        --\(option) takes a time like 2026-01-10T12:00:00Z, '2026-01-10 12:00', 10m, 2h, 3d, today or unix seconds, \
        not '\(text)'
        """
      )
    }
    return time
  }

  /// A filter, whose times may be local, or relative to now.
  func filter(_ option: String) throws(CommandError) -> Filter? {
    guard let text = value(option) else { return nil }
    do { return try Filter(text, times: .local(now: SystemClock.wall())) } catch {
      throw .usage("--\(option), column \(error.column): \(error.reason)")
    }
  }
}
