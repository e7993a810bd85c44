/// Why a range of sequence numbers is not delivered.
public enum SkipReason: UInt8, Hashable, Sendable {
  /// The follower's filter excludes it.
  case filtered = 1
  /// Retention removed it.
  case trimmed = 2
  /// It was deleted on purpose.
  case deleted = 3
  /// It was damaged or its file is missing.
  case lost = 4
  /// A regular expression of the follower's filter takes too long on it: whether the filter lets it through is not
  /// known.
  case undecided = 5
}
