/// The zone for times without one.
package enum TimeZoneRule: Hashable, Sendable {
  /// The one of the system or of the environment variable TZ.
  case local
  /// An offset east of UTC.
  case offset(seconds: Int)

  package static let utc = TimeZoneRule.offset(seconds: 0)

  /// `utc`, `local`, or an offset like `+02:00`.
  package init?(_ text: String) {
    switch text.lowercased() {
    case "local": self = .local
    case "utc", "gmt", "z": self = .utc
    default:
      var scanner = TextScanner(unsafe text.utf8.span.bytes)
      guard let seconds = scanner.zoneOffset(), scanner.isAtEnd else { return nil }
      self = .offset(seconds: seconds)
    }
  }
}

/// Completes times that have no zone or year.
package struct TimeRules: Sendable {
  /// For times without a zone.
  package var zone: TimeZoneRule
  /// For times without a year: they get the year that puts them nearest to this, in nanoseconds since 1970.
  package var now: Int64

  package init(zone: TimeZoneRule, now: Int64) {
    self.zone = zone
    self.now = now
  }
}
