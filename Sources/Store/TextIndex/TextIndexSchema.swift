internal import LogsDisk
internal import LogsWire

/// The tables of the index of a segment's text (`spec/storage.md`, section 6). A segment has both or none.
///
/// Every row has a check over all that it says, its keys included: what damage has changed is not believed, and the
/// entries that it would have ruled out are looked at.
enum TextIndexSchema {
  static let blocks = "text_blocks"
  static let pages = "text_pages"

  static let tables = """
    CREATE TABLE \(blocks)(
      stream INTEGER NOT NULL,
      first_seq INTEGER NOT NULL,
      last_seq INTEGER NOT NULL,
      section INTEGER NOT NULL,
      check_sum INTEGER NOT NULL,
      filter BLOB NOT NULL,
      PRIMARY KEY(stream, first_seq)
    ) WITHOUT ROWID;
    CREATE TABLE \(pages)(
      section INTEGER NOT NULL,
      first BLOB NOT NULL,
      behind BLOB NOT NULL,
      raw_length INTEGER NOT NULL,
      check_sum INTEGER NOT NULL,
      tokens BLOB NOT NULL,
      PRIMARY KEY(section, first)
    ) WITHOUT ROWID;
    """

  static func check(
    stream: Int64, _ numbers: ClosedRange<UInt64>, section: Int64, filter: ByteString
  ) -> UInt64 {
    var writer = ByteWriter(capacity: 64)
    writer.append(i64: stream)
    writer.append(u64: numbers.lowerBound)
    writer.append(u64: numbers.upperBound)
    writer.append(i64: section)
    return XXH3.hash(filter.span, seed: XXH3.hash(writer.span))
  }

  static func check(section: Int64, first: ByteString, end: ByteString, rawLength: Int64, tokens: ByteString) -> UInt64
  {
    var writer = ByteWriter(capacity: 192)
    writer.append(i64: section)
    writer.append(i64: rawLength)
    writer.append(u64: UInt64(first.count))
    writer.append(first)
    writer.append(end)
    return XXH3.hash(tokens.span, seed: XXH3.hash(writer.span))
  }
}
