internal import LogsDisk

/// The statements that find rows of one stream in a part of a segment, by their numbers.
///
/// In a sealed segment an SQLite index covers all rows. In other segments the table `run_index` covers those up to
/// `segment.indexed_through`; the few rows after them are scanned in the order in which they were added. For any stream
/// they hold higher numbers than the rows before.
final class RunStatements {
  enum Part {
    /// All rows of a segment with its final index.
    case indexed
    /// The rows in `run_index`.
    case listed
    /// The rows not in it yet.
    case recent
  }

  /// Stream ?1, from the run that covers ?2 up to those that begin at ?3.
  let forward: Statement
  /// Stream ?1, from the run that covers ?2 down.
  let backward: Statement
  /// Stream ?1, from the first run that begins at ?2 or after it.
  let times: Statement
  /// Stream ?1, from the last run that begins at ?2 or before it down.
  let timesBackward: Statement
  /// Where the run of stream ?1 after ?2 begins, from the index alone where there is one.
  let firstBehind: Statement
  /// Where the run of stream ?1 that covers ?2 begins, from the index alone where there is one.
  let firstCovering: Statement

  init(_ part: Part, _ packing: RowPacking, _ database: borrowing Database) throws(SQLiteError) {
    let batches = "\(packing.unpackedLength), batches"
    let first: String
    let runs: String
    let keys: String
    let order: String
    switch part {
    case .indexed:
      (first, order) = ("first_seq", "first_seq")
      keys = "runs WHERE stream = ?1"
      runs = keys
    case .listed:
      (first, order) = ("listed.first_seq", "listed.first_seq")
      keys = "\(SegmentSchema.runIndex) AS listed WHERE listed.stream = ?1"
      // The index and the row must agree: damage must not pass one stream's row off as another's.
      runs = """
        \(SegmentSchema.runIndex) AS listed CROSS JOIN runs ON runs.id = listed.run AND runs.stream = listed.stream
        AND runs.first_seq = listed.first_seq WHERE listed.stream = ?1
        """
    case .recent:
      (first, order) = ("first_seq", "id")
      keys = "runs NOT INDEXED WHERE id > (SELECT indexed_through FROM segment) AND stream = ?1"
      runs = keys
    }
    // The run that covers ?2 and those after it. Compaction moves the borders of runs: only this finds a number.
    let lower =
      switch part {
      case .indexed, .listed:
        "\(first) >= coalesce((SELECT \(first) FROM \(keys) AND \(first) <= ?2 ORDER BY \(order) DESC LIMIT 1), 0)"
      case .recent: "first_seq + span > ?2"
      }
    forward = try database.prepare(
      "SELECT \(first), span, \(batches) FROM \(runs) AND \(lower) AND \(first) <= ?3 ORDER BY \(order)")
    backward = try database.prepare(
      "SELECT \(first), span, \(batches) FROM \(runs) AND \(first) <= ?2 ORDER BY \(order) DESC")
    times = try database.prepare(
      "SELECT \(first), span, min_time, max_time FROM \(runs) AND \(first) >= ?2 ORDER BY \(order)")
    timesBackward = try database.prepare(
      "SELECT \(first), span, min_time, max_time FROM \(runs) AND \(first) <= ?2 ORDER BY \(order) DESC")
    firstBehind = try database.prepare(
      "SELECT \(first) FROM \(keys) AND \(first) > ?2 ORDER BY \(order) LIMIT 1")
    firstCovering = try database.prepare(
      "SELECT \(first) FROM \(keys) AND \(first) <= ?2 ORDER BY \(order) DESC LIMIT 1")
  }
}
