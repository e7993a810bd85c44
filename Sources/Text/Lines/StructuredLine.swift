internal import LogsWire

/// The content of a line of names and values.
struct StructuredLine {
  /// Each name once.
  var members: [LogAttribute]
  /// The number of members that no entry can hold.
  var omittedCount = 0
  /// Whether the number and keys of the members fit an entry. Whether their bytes fit follows from the length of the
  /// line.
  var fitsSurely = false
  /// What of the line the members do not say as it was written, nil if nothing: the first of it, in words.
  var inexactness: String?
  /// Whether a part of the line is in none of the members.
  var keepsLine = false
}
