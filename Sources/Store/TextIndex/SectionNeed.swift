internal import LogsDisk
internal import LogsWire

/// What a filter needs of messages, in tokens of one section.
indirect enum SectionNeed {
  case anything
  /// No block has it.
  case nothing
  /// One of these tokens.
  case tokens([UInt64])
  case all([SectionNeed])
  case either([SectionNeed])

  init(_ need: TextNeed, section: Int64, _ statements: TextStatements) throws(SQLiteError) {
    switch need {
    case .anything: self = .anything
    case .text(let text, let isWord): self = try Self.text(text, isWord: isWord, section, statements)
    case .all(let needs):
      var parts: [SectionNeed] = []
      for need in needs { parts.append(try SectionNeed(need, section: section, statements)) }
      self = .all(parts)
    case .either(let needs):
      var parts: [SectionNeed] = []
      for need in needs { parts.append(try SectionNeed(need, section: section, statements)) }
      self = .either(parts)
    }
  }

  /// Shorter text inside of tokens is in too many of them.
  private static let insideByteCountMin = 3

  private static func text(
    _ text: [UInt8], isWord: Bool, _ section: Int64, _ statements: TextStatements
  ) throws(SQLiteError) -> SectionNeed {
    let parts = Tokens.parts(of: text, isWord: isWord)
    var needs: [SectionNeed] = []
    // What is found by its beginning is found by looking at one page; the rest takes the whole dictionary.
    for part in parts where !part.isOpenBefore {
      let found = try statements.find(part.bytes, isPrefix: part.isOpenBehind, in: section)
      if found.isAnything { continue }
      if found.hashes.isEmpty { return .nothing }
      needs.append(.tokens(found.hashes))
    }
    guard needs.isEmpty, let part = parts.first, part.isOpenBefore, part.bytes.count >= insideByteCountMin else {
      return needs.isEmpty ? .anything : .all(needs)
    }
    let found = try statements.findInside(part.bytes, isSuffix: !part.isOpenBehind, in: section)
    return found.isAnything ? .anything : found.hashes.isEmpty ? .nothing : .tokens(found.hashes)
  }

  /// Whether a block may have it.
  func mayBe(in block: TextStatements.Block) -> Bool {
    switch self {
    case .anything: true
    case .nothing: false
    case .tokens(let hashes): hashes.contains { block.filter.mayHold($0) }
    case .all(let needs): needs.allSatisfy { $0.mayBe(in: block) }
    case .either(let needs): needs.contains { $0.mayBe(in: block) }
    }
  }
}

extension ReaderConnection {
  /// What the index of the segment's text rules out of a stream.
  func ruledOut(of stream: Int64, by need: TextNeed) throws(SQLiteError) -> RuledOut {
    var ruledOut = RuledOut()
    guard let statements = textStatements, need != .anything else { return ruledOut }
    var needs: [Int64: SectionNeed] = [:]
    try statements.forEachBlock(of: stream) { block throws(SQLiteError) in
      let known: SectionNeed
      if let earlier = needs[block.section] {
        known = earlier
      } else {
        known = try SectionNeed(need, section: block.section, statements)
        needs[block.section] = known
      }
      if !known.mayBe(in: block) { ruledOut.append(block.numbers) }
    }
    return ruledOut
  }
}
