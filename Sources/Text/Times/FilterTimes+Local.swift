package import LogsWire

extension FilterTimes {
  /// Times as people write them in flags (`TimeText`): in the local zone if they name none, or relative to `now`.
  package static func local(now: Int64) -> FilterTimes {
    FilterTimes(
      remedy: "write a date, with a clock and a zone or without, like 2026-11-28 or 2026-11-28T10:00Z, how long ago it "
        + "was, like 10m, or today", absence: { TimeText.absence(of: $0, now: now) },
      suggestion: { TimeText.suggestion(for: $0, now: now) }
    ) { TimeText.parse($0, now: now) }
  }
}
