internal import LogsDisk
internal import LogsWire

/// Checks every row of a sealed segment's index of blocks. Damage there costs searches time, and nothing else.
enum BlockIndexCheck {
  static func run(_ database: borrowing Database, _ file: String) throws(SQLiteError) -> [Finding] {
    guard try SegmentSchema.has(BlockIndexSchema.groups, database) else { return [] }
    guard try SegmentSchema.has(BlockIndexSchema.pages, database) else {
      // While a segment waits to be sealed, its index is made.
      if try SegmentSchema.has(SegmentSchema.runIndex, database) { return [] }
      return [Finding(.damage, file, "its index of words lacks \(BlockIndexSchema.pages)")]
    }
    var damagedCount = 0
    let groups = try database.prepare(
      """
      SELECT stream, first_seq, last_seq, section, first_block, min_time, max_time, severities, check_sum, blocks
      FROM \(BlockIndexSchema.groups)
      """)
    while try groups.step() {
      let (first, last, lower, upper) = (groups.bits(1), groups.bits(2), groups.integer(5), groups.integer(6))
      guard first <= last, lower <= upper, groups.integer(4) >= 0, let firstBlock = Int(exactly: groups.integer(4)),
        let severities = UInt32(exactly: groups.integer(7))
      else {
        damagedCount += 1
        continue
      }
      let group = BlockGroup(
        numbers: first...last, section: groups.integer(3), firstBlock: firstBlock, times: lower...upper,
        severities: severities, packed: groups.bytes(9))
      let isRight = BlockIndexSchema.check(stream: groups.integer(0), group) == groups.bits(8)
      if !isRight || group.blocks() == nil { damagedCount += 1 }
    }
    let pages = try database.prepare(
      """
      SELECT section, first, behind, token_count, tokens_length, places_length, check_sum, tokens, places
      FROM \(BlockIndexSchema.pages)
      """)
    while try pages.step() {
      let lengths = [3, 4, 5].map { pages.integer($0) }
      guard lengths.allSatisfy({ $0 >= 0 }) else {
        damagedCount += 1
        continue
      }
      let page = BlockIndexSchema.PageRow(
        section: pages.integer(0), first: pages.bytes(1), end: pages.bytes(2), tokenCount: Int(lengths[0]),
        tokensByteCount: Int(lengths[1]), placesByteCount: Int(lengths[2]), tokens: pages.bytes(7),
        places: pages.bytes(8))
      if page.check != pages.bits(6) { damagedCount += 1 }
    }
    if damagedCount == 0 { return [] }
    return [
      Finding(
        .damage, file,
        "\(Figures.count(damagedCount, "row of its index of words is", "rows of its index of words are")) damaged: "
          + "searches take longer")
    ]
  }
}
