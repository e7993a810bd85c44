internal import LogsDisk
internal import LogsWire

/// Reads the index of a sealed segment's text. What does not pass its check is as if it were not there.
final class TextStatements {
  struct Block {
    var numbers: ClosedRange<UInt64>
    var section: Int64
    var filter: TokenFilter
  }

  private let blocks: Statement
  private let page: Statement
  private let pages: Statement
  private let decompressor = Decompressor()

  init(_ database: borrowing Database) throws(SQLiteError) {
    blocks = try database.prepare(
      """
      SELECT first_seq, last_seq, section, check_sum, filter FROM \(TextIndexSchema.blocks) WHERE stream = ?1
      ORDER BY first_seq
      """)
    let columns = "first, behind, raw_length, check_sum, tokens"
    page = try database.prepare(
      """
      SELECT \(columns) FROM \(TextIndexSchema.pages) WHERE section = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1
      """)
    pages = try database.prepare(
      "SELECT \(columns) FROM \(TextIndexSchema.pages) WHERE section = ?1 AND first >= ?2 ORDER BY first")
  }

  /// Calls `body` with the blocks of a stream, ascending.
  func forEachBlock(of stream: Int64, _ body: (Block) throws(SQLiteError) -> Void) throws(SQLiteError) {
    defer { blocks.reset() }
    blocks.bind(1, stream)
    var end: UInt64 = 0
    while try blocks.step() {
      let (first, last) = (blocks.bits(0), blocks.bits(1))
      let (section, filter) = (blocks.integer(2), blocks.bytes(4))
      guard first > end, first <= last, last <= Limits.numberMax,
        TextIndexSchema.check(stream: stream, first...last, section: section, filter: filter) == blocks.bits(3)
      else { continue }
      end = last
      try body(Block(numbers: first...last, section: section, filter: TokenFilter(filter)))
    }
  }

  /// Tokens of a section's dictionary, and whether they are all that were asked for.
  struct Found {
    var hashes: [UInt64] = []
    /// Whether all blocks have to be looked at: a token is in most of them, there are too many, or the dictionary is
    /// damaged.
    var isAnything = false
  }

  /// More than this rule out too little.
  private static let foundCountMax = 64

  /// The tokens that are `text` or, if `isPrefix`, begin with it.
  func find(_ text: [UInt8], isPrefix: Bool, in section: Int64) throws(SQLiteError) -> Found {
    var found = Found()
    var start = text
    while true {
      defer { page.reset() }
      page.bind(1, section)
      page.bind(2, copying: ByteString(start))
      guard try page.step(), let (tokens, end) = content(of: page, section),
        end.isEmpty || start.lexicographicallyPrecedes(end)
      else { return Found(isAnything: true) }
      var isBehind = false
      let isSound = scan(tokens, into: &found) { token in
        if isPrefix ? token.starts(with: text) : token == text { return true }
        if text.lexicographicallyPrecedes(token) { isBehind = true }
        return false
      }
      if !isSound { found.isAnything = true }
      // Tokens with the prefix may go on in the next page.
      guard isPrefix, !isBehind, !found.isAnything, !end.isEmpty, end.starts(with: text) else { return found }
      start = end
    }
  }

  /// The tokens that hold `text` anywhere or, if `isSuffix`, at their end.
  func findInside(_ text: [UInt8], isSuffix: Bool, in section: Int64) throws(SQLiteError) -> Found {
    var found = Found()
    defer { pages.reset() }
    pages.bind(1, section)
    pages.bind(2, copying: ByteString())
    var expected: [UInt8]? = []
    while try pages.step() {
      guard let (tokens, end) = content(of: pages, section), pages.bytes(0).array == expected else {
        return Found(isAnything: true)
      }
      expected = end.isEmpty ? nil : end
      let isSound = scan(tokens, into: &found) { token in
        isSuffix ? token.count >= text.count && token.suffix(text.count).elementsEqual(text) : token.holds(text)
      }
      if !isSound || found.isAnything { return Found(isAnything: true) }
    }
    // The last page says that nothing follows.
    return expected == nil ? found : Found(isAnything: true)
  }

  private func content(of row: borrowing Statement, _ section: Int64) -> (tokens: ByteString, end: [UInt8])? {
    let (first, end, tokens) = (row.bytes(0), row.bytes(1), row.bytes(4))
    let rawLength = row.integer(2)
    guard (0...Int64(4 * TokenPage.byteCountMax)).contains(rawLength),
      TextIndexSchema.check(section: section, first: first, end: end, rawLength: rawLength, tokens: tokens)
        == row.bits(3),
      let content = decompressor.content(of: tokens, count: Int(rawLength))
    else { return nil }
    return (content, end.array)
  }

  /// - Returns: false if the page is damaged.
  private func scan(_ page: ByteString, into found: inout Found, where isWanted: ([UInt8]) -> Bool) -> Bool {
    do throws(WireDecodingError) {
      try TokenPage.forEach(in: page) { token, isCommon in
        guard isWanted(token) else { return true }
        if isCommon || found.hashes.count == Self.foundCountMax {
          found.isAnything = true
          return false
        }
        found.hashes.append(XXH3.hash(unsafe token.span.bytes))
        return true
      }
      return true
    } catch {
      return false
    }
  }
}

extension [UInt8] {
  fileprivate func holds(_ text: [UInt8]) -> Bool {
    guard count >= text.count else { return false }
    for start in 0...count - text.count where self[start..<start + text.count].elementsEqual(text) { return true }
    return false
  }
}
