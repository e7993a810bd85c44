internal import LogsDisk
internal import LogsWire

/// Writes what was removed of streams into the table `removals` (`spec/storage.md`, section 3.9).
final class RemovalStatements {
  private let clear: Statement
  private let insert: Statement

  init(_ database: borrowing Database) throws(SQLiteError) {
    clear = try database.prepare("DELETE FROM removals WHERE stream = ?1")
    insert = try database.prepare(
      "INSERT INTO removals(stream, first_seq, last_seq, reason, bytes) VALUES(?1, ?2, ?3, ?4, ?5)")
  }

  /// Brings the table up to date with a stream.
  func write(_ stream: StreamInfo) throws(SQLiteError) {
    try remove(stream.id)
    insert.bind(1, stream.id)
    for removal in stream.removals.ranges {
      insert.bind(2, bits: removal.numbers.lowerBound)
      insert.bind(3, bits: removal.numbers.upperBound)
      insert.bind(4, Int64(removal.reason.rawValue))
      insert.bind(5, Int64(clamping: removal.byteCount))
      try insert.run()
    }
  }

  /// Nothing was removed of the stream, or all of it.
  func remove(_ stream: Int64) throws(SQLiteError) {
    clear.bind(1, stream)
    try clear.run()
  }
}
