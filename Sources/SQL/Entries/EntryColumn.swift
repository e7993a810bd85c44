/// The columns of `entries`, in their order.
enum EntryColumn: Int, CaseIterable {
  case stream, seq, time, timeNanoseconds, received, receivedNanoseconds, level, severity, source, kind, message,
    attributes
  /// Hidden, with the table's own name: the left side of MATCH.
  case entries
}
