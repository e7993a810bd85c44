internal import LogsSystem
internal import LogsWire

/// Notices when the clock steps back: entries without a time of their own that came before the step keep a wrong time.
struct ClockWatch {
  private let stepMax: Duration
  private var latest: Int64

  /// - Parameters:
  ///   - stepMax: steps up to this are not reported.
  ///   - latest: when the last entry of an earlier run of the program was received.
  init(stepMax: Duration, latest: Int64) {
    self.stepMax = stepMax
    self.latest = latest
  }

  /// Checks the clock.
  ///
  /// - Returns: a line for the log, once per step.
  mutating func look(_ now: Int64) -> String? {
    defer { latest = now }
    let (step, overflows) = latest.subtractingReportingOverflow(now)
    guard overflows || step > stepMax.nanoseconds else { return nil }
    let seconds = overflows ? Int64.max / 1_000_000_000 : step / 1_000_000_000
    return """
      the system's clock has gone back by \(seconds) s: it is or was wrong. Entries without a time of their own show \
      when they were received, by the clock as it was then; sequence numbers are not touched
      """
  }
}
