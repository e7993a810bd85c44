internal import LogsDisk
internal import LogsWire

/// The tables of a sealed segment's index (`spec/storage.md`, 3.7 and 3.8). A segment has both or none.
///
/// Every row has a check over all that it says, its keys included: what damage has changed is not believed, and the
/// entries that it would have ruled out are looked at.
enum BlockIndexSchema {
  static let groups = "block_groups"
  static let pages = "token_pages"

  static let tables = """
    CREATE TABLE \(groups)(
      stream INTEGER NOT NULL,
      first_seq INTEGER NOT NULL,
      last_seq INTEGER NOT NULL,
      section INTEGER NOT NULL,
      first_block INTEGER NOT NULL,
      min_time INTEGER NOT NULL,
      max_time INTEGER NOT NULL,
      severities INTEGER NOT NULL,
      check_sum INTEGER NOT NULL,
      blocks BLOB NOT NULL,
      PRIMARY KEY(stream, first_seq)
    ) WITHOUT ROWID;
    CREATE TABLE \(pages)(
      section INTEGER NOT NULL,
      first BLOB NOT NULL,
      behind BLOB NOT NULL,
      token_count INTEGER NOT NULL,
      tokens_length INTEGER NOT NULL,
      places_length INTEGER NOT NULL,
      check_sum INTEGER NOT NULL,
      tokens BLOB NOT NULL,
      places BLOB NOT NULL
    );
    CREATE UNIQUE INDEX token_pages_by_first ON \(pages)(section, first);
    """

  static func check(stream: Int64, _ group: BlockGroup) -> UInt64 {
    var writer = ByteWriter(capacity: 64)
    writer.append(i64: stream)
    writer.append(u64: group.numbers.lowerBound)
    writer.append(u64: group.numbers.upperBound)
    writer.append(i64: group.section)
    writer.append(u64: UInt64(group.firstBlock))
    writer.append(i64: group.times.lowerBound)
    writer.append(i64: group.times.upperBound)
    writer.append(u64: UInt64(group.severities))
    return XXH3.hash(group.packed.span, seed: XXH3.hash(writer.span))
  }

  /// A row of `pages`.
  struct PageRow {
    var section: Int64
    var first: ByteString
    var end: ByteString
    var tokenCount: Int
    /// The lengths of both columns before compression.
    var tokensByteCount: Int
    var placesByteCount: Int
    var tokens: ByteString
    var places: ByteString

    var check: UInt64 {
      var writer = ByteWriter(capacity: 192)
      writer.append(i64: section)
      writer.append(u64: UInt64(tokenCount))
      writer.append(u64: UInt64(tokensByteCount))
      writer.append(u64: UInt64(placesByteCount))
      writer.append(u64: UInt64(first.count))
      writer.append(u64: UInt64(end.count))
      writer.append(u64: UInt64(tokens.count))
      writer.append(first)
      writer.append(end)
      return XXH3.hash(places.span, seed: XXH3.hash(tokens.span, seed: XXH3.hash(writer.span)))
    }
  }
}
