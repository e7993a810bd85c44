/// Why a range of a stream is not delivered (P5: each range is delivered or named).
package enum SkipReason: UInt8, Hashable, Sendable {
  /// The follower's filter left it out.
  case filtered = 1
  /// Retention removed it.
  case trimmed = 2
  /// Its stream was deleted.
  case deleted = 3
  /// It was stored and is damaged or missing.
  case lost = 4
}
