/// The zone of times that name none.
package enum TimeZoneRule: Hashable, Sendable {
  /// The system's, or what the environment variable TZ says.
  case local
  /// So far east of UTC.
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

/// What a time needs that does not say all of itself.
package struct TimeRules: Sendable {
  /// For times without a zone.
  package var zone: TimeZoneRule
  /// For times without a year: theirs is the one that brings them nearest to this. Nanoseconds since 1970.
  package var now: Int64

  package init(zone: TimeZoneRule, now: Int64) {
    self.zone = zone
    self.now = now
  }
}
