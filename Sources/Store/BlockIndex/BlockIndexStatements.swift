internal import LogsDisk
internal import LogsWire

/// Reads the index of a sealed segment. What does not pass its check is as if it were not there.
final class BlockIndexStatements {
  private let groups: Statement
  private let page: Statement
  private let pages: Statement
  private let decompressor = Decompressor()

  init(_ database: borrowing Database) throws(SQLiteError) {
    groups = try database.prepare(
      """
      SELECT first_seq, last_seq, section, first_block, min_time, max_time, severities, check_sum, blocks
      FROM \(BlockIndexSchema.groups) WHERE stream = ?1 ORDER BY first_seq
      """)
    let columns = "first, behind, token_count, tokens_length, places_length, check_sum, tokens, places"
    page = try database.prepare(
      "SELECT \(columns) FROM \(BlockIndexSchema.pages) WHERE section = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1")
    pages = try database.prepare(
      "SELECT \(columns) FROM \(BlockIndexSchema.pages) WHERE section = ?1 ORDER BY first")
  }

  /// The groups of a stream, ascending.
  func groups(of stream: Int64) throws(SQLiteError) -> [BlockGroup] {
    defer { groups.reset() }
    groups.bind(1, stream)
    var found: [BlockGroup] = []
    while try groups.step() {
      let (first, last) = (groups.bits(0), groups.bits(1))
      let (lower, upper) = (groups.integer(4), groups.integer(5))
      guard first > found.last?.numbers.upperBound ?? 0, first <= last, last <= Limits.numberMax, lower <= upper,
        let firstBlock = Int(exactly: groups.integer(3)), let severities = UInt32(exactly: groups.integer(6))
      else { continue }
      let group = BlockGroup(
        numbers: first...last, section: groups.integer(2), firstBlock: firstBlock, times: lower...upper,
        severities: severities, packed: groups.bytes(8))
      if BlockIndexSchema.check(stream: stream, group) == groups.bits(7) { found.append(group) }
    }
    return found
  }

  /// The blocks of a section with tokens that are or, if it is open behind, begin with the pattern's text.
  ///
  /// - Returns: nil if it cannot be said: a token is in most blocks, or the dictionary is damaged.
  func blocks(havingStart pattern: TokenPage.Pattern, in section: Int64) throws(SQLiteError) -> BlockSet? {
    var found = BlockSet()
    let needle = pattern.needle
    var start = pattern.bytes
    while true {
      defer { page.reset() }
      page.bind(1, section)
      page.bind(2, copying: ByteString(start))
      guard try page.step(), let row = Self.row(page, section),
        row.end.isEmpty || start.lexicographicallyPrecedes(row.end.array), add(row, needle, to: &found)
      else { return nil }
      // Tokens that begin with it may go on in the next page.
      let end = row.end.array
      guard pattern.isOpenBehind, end.starts(with: pattern.bytes), !end.isEmpty else { return found }
      start = end
    }
  }

  /// The blocks of a section with tokens that have the pattern anywhere: takes the whole dictionary.
  ///
  /// - Returns: nil if it cannot be said.
  func blocks(havingAnywhere pattern: TokenPage.Pattern, in section: Int64) throws(SQLiteError) -> BlockSet? {
    var found = BlockSet()
    let needle = pattern.needle
    defer { pages.reset() }
    pages.bind(1, section)
    var expected: ByteString? = ByteString()
    while try pages.step() {
      guard let row = Self.row(pages, section), row.first == expected, add(row, needle, to: &found) else { return nil }
      expected = row.end.isEmpty ? nil : row.end
    }
    // The last page says that nothing follows.
    return expected == nil ? found : nil
  }

  private static func row(_ row: borrowing Statement, _ section: Int64) -> BlockIndexSchema.PageRow? {
    let lengths = 0...Int64(64 * TokenPage.byteCountMax)
    guard (2...4).allSatisfy({ lengths.contains(row.integer($0)) }) else { return nil }
    let page = BlockIndexSchema.PageRow(
      section: section, first: row.bytes(0), end: row.bytes(1), tokenCount: Int(row.integer(2)),
      tokensByteCount: Int(row.integer(3)), placesByteCount: Int(row.integer(4)), tokens: row.bytes(6),
      places: row.bytes(7))
    return page.check == row.bits(5) ? page : nil
  }

  /// Adds the blocks of a page's tokens with the needle.
  ///
  /// - Returns: false if one is common, or the page damaged.
  private func add(_ row: BlockIndexSchema.PageRow, _ needle: [UInt8], to blocks: inout BlockSet) -> Bool {
    guard let packed = decompressor.content(of: row.tokens, count: row.tokensByteCount),
      let text = TokenPage.text(packed, tokenCount: row.tokenCount)
    else { return false }
    let tokens = TokenPage.tokens(with: needle, in: text)
    if tokens.isEmpty { return true }
    guard let places = decompressor.content(of: row.places, count: row.placesByteCount) else { return false }
    return TokenPage.add(blocksOf: tokens, in: places, tokenCount: row.tokenCount, to: &blocks)
  }
}
