internal import LogsSystem
internal import LogsText
internal import LogsWire

extension Arguments {
  /// A whole number of at least `least`.
  func number(_ option: String, atLeast least: UInt64 = 0) throws(CommandError) -> UInt64? {
    guard let text = value(option) else { return nil }
    guard let number = UInt64(text), number >= least else {
      throw .usage("\(written(option)) takes a whole number of at least \(least), not '\(text)'")
    }
    return number
  }

  /// A time, in nanoseconds since 1970.
  func time(_ option: String) throws(CommandError) -> Int64? {
    guard let text = value(option) else { return nil }
    let now = SystemClock.wall()
    guard let time = TimeText.read(text, now: now) else {
      if let reason = TimeText.absence(of: text, now: now) { throw .usage("\(written(option)) '\(text)': \(reason)") }
      let suggestion = TimeText.suggestion(for: text, now: now)
      throw .usage(
        "\(written(option)) takes a time like \(TimeText.forms), not '\(text)'\(suggestion); see logs help times")
    }
    if let repetition = time.repetition {
      let (first, second) = (Timestamp.zoned(time.nanoseconds), Timestamp.zoned(repetition))
      Terminal.note(
        "\(written(option)) '\(text)' comes twice, as clocks are set back: \(first) is meant, not \(second)")
    }
    return time.nanoseconds
  }

  /// A span of time; a number alone is seconds.
  func span(_ option: String) throws(CommandError) -> Duration? {
    guard let text = value(option) else { return nil }
    if text == "0" || text == "0s" { return .zero }
    if let seconds = Double(text), seconds >= 0, seconds < 1e9 { return .milliseconds(Int64(seconds * 1000)) }
    guard let span = TimeSpan.parse(text) else {
      throw .usage("\(written(option)) takes a span of time like 30s, 5m or 1h, not '\(text)'")
    }
    return span
  }

  /// A filter, whose times may be local, or relative to now.
  func filter(_ option: String) throws(CommandError) -> Filter? {
    guard let text = value(option) else { return nil }
    do { return try Filter(text, times: .local(now: SystemClock.wall())) } catch {
      throw .usage("\(written(option)), column \(error.column): \(error.reason)")
    }
  }
}
