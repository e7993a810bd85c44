/// Notices a clock that steps back: what came without a time of its own before the step keeps a time that was wrong.
struct ClockWatch {
  private let stepMax: Duration
  private var latest: Int64

  /// - Parameters:
  ///   - stepMax: what a clock may be set back without a word.
  ///   - latest: when the last entry of an earlier run was received.
  init(stepMax: Duration, latest: Int64) {
    self.stepMax = stepMax
    self.latest = latest
  }

  /// Looks at the clock.
  ///
  /// - Returns: a line for the log, once a step.
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
