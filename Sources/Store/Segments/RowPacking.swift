internal import LogsDisk

/// How the rows of a segment keep their batches: small ones in a zstd frame, since they say much the same
/// (`spec/storage.md`, section 3.4).
struct RowPacking {
  /// Whether the segment's format has packed rows.
  let isKnown: Bool

  /// What a packed row holds at most: 1 MiB of batches, and their senders, which are smaller.
  static let byteCountMax = 2 * RunDraft.byteCountMax

  init(of database: borrowing Database) throws(SQLiteError) {
    isKnown = try Self.isKnown(try database.prepare(Self.text))
  }

  init(of database: any SQLRunner) throws(SQLiteError) { isKnown = try Self.isKnown(try database.prepare(Self.text)) }

  private static let text = "SELECT 1 FROM pragma_table_info('runs') WHERE name = 'unpacked_length'"

  private static func isKnown(_ statement: borrowing Statement) throws(SQLiteError) -> Bool { try statement.step() }

  /// What packs the rows of a segment that is made whole; nil if it has no packed rows.
  func packer() -> RowPacker? { isKnown ? RowPacker() : nil }

  // MARK: SQL

  /// The column of `runs` that says how many bytes the batches have unpacked; 0 if they are not packed.
  var unpackedLength: String { isKnown ? "unpacked_length" : "0" }

  /// How many bytes the batches of a row have, whatever damage has made of it.
  var byteCount: String {
    isKnown
      ? "iif(unpacked_length BETWEEN 1 AND \(Self.byteCountMax), unpacked_length, length(batches))" : "length(batches)"
  }
}
