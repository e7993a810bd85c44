internal import LogsDisk
internal import LogsWire

extension BlockIndexStatements {
  /// The blocks of a section that may have what a filter needs of messages; nil for all.
  func blocks(having need: TextNeed, in section: Int64) throws(SQLiteError) -> BlockSet? {
    switch need {
    case .anything: return nil
    case .text(let text, let isWord): return try blocks(havingText: text, isWord: isWord, in: section)
    case .all(let needs):
      var known: BlockSet?
      for need in needs where known?.isEmpty != true {
        guard let found = try blocks(having: need, in: section) else { continue }
        known = known?.intersection(found) ?? found
      }
      return known
    case .either(let needs):
      var known = BlockSet()
      for need in needs {
        guard let found = try blocks(having: need, in: section) else { return nil }
        known.formUnion(found)
      }
      return known
    }
  }

  /// Shorter text inside of tokens is in too many of them.
  private static let insideByteCountMin = 3

  private func blocks(havingText text: [UInt8], isWord: Bool, in section: Int64) throws(SQLiteError) -> BlockSet? {
    let patterns = Tokens.patterns(of: text, isWord: isWord)
    var known: BlockSet?
    // What is found by its beginning is found by looking at one page; the rest takes the whole dictionary.
    for pattern in patterns where !pattern.isOpenBefore && known?.isEmpty != true {
      guard let found = try blocks(havingStart: pattern, in: section) else { continue }
      known = known?.intersection(found) ?? found
    }
    guard known == nil, let pattern = patterns.first, pattern.isOpenBefore,
      pattern.bytes.count >= Self.insideByteCountMin
    else { return known }
    // Where a whole token is in most blocks, those that hold it add nothing.
    var whole = pattern
    whole.isOpenBefore = false
    guard try blocks(havingStart: whole, in: section) != nil else { return nil }
    return try blocks(havingAnywhere: pattern, in: section)
  }
}
