internal import LogsWire

/// What a line of names and values holds.
struct StructuredLine {
  /// Each name once.
  var members: [LogAttribute]
  /// Members that no entry can hold.
  var omittedCount = 0
  /// Whether an entry surely holds the members, by their number and keys; their bytes are for the line's length to say.
  var fitsSurely = false
  /// Something of the line is in none of the members.
  var keepsLine = false
}
