extension TextTest {
  /// Whether one text passes. `matches` for a whole column is faster where there are many.
  func holds(for text: RawSpan, _ matcher: borrowing RegexMatcher) throws(FilterFailure) -> Bool {
    switch self {
    case .exists: return true
    case .contains(let wanted): return TextTest.find(wanted, in: text, isWord: false)
    case .word(let wanted): return TextTest.find(wanted, in: text, isWord: true)
    case .equals(let wanted): return wanted.equals(text)
    case .glob(let pieces, let ignoresCase):
      if !ignoresCase { return Self.matches(pieces, text) }
      let folded = CaseFolding.folded(text)
      return unsafe Self.matches(pieces, folded.span.bytes)
    case .regex(let regex): return try matcher.matches(regex, text)
    case .order(let order, let wanted): return unsafe order.holds(Self.compare(text, wanted.span.bytes), 0)
    }
  }

  private static func find(_ wanted: FilterText, in text: RawSpan, isWord: Bool) -> Bool {
    if !wanted.ignoresCase { return find(wanted.bytes, in: text, isWord: isWord) }
    let folded = CaseFolding.folded(text)
    return unsafe find(wanted.bytes, in: folded.span.bytes, isWord: isWord)
  }

  private static func find(_ wanted: [UInt8], in text: RawSpan, isWord: Bool) -> Bool {
    let all = 0..<text.byteCount
    if !isWord { return LiteralSearch.first(wanted, in: text, from: 0, to: all.upperBound) != nil }
    return LiteralSearch.firstWord(wanted, in: text, from: 0, to: all.upperBound, bounds: all) != nil
  }

  /// Pieces between stars.
  static func matches(_ pieces: [[UInt8]], _ text: RawSpan) -> Bool {
    guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else { return false }
    guard text.byteCount >= first.count + last.count,
      unsafe text.extracting(0..<first.count).isEqual(to: first.span.bytes),
      unsafe text.extracting(text.byteCount - last.count..<text.byteCount).isEqual(to: last.span.bytes)
    else { return false }
    var offset = first.count
    let end = text.byteCount - last.count
    for piece in pieces.dropFirst().dropLast() {
      guard let found = LiteralSearch.first(piece, in: text, from: offset, to: end) else { return false }
      offset = found + piece.count
    }
    return true
  }

  /// Below, at or above 0 as the bytes of `left` come before, with or after those of `right`.
  private static func compare(_ left: RawSpan, _ right: RawSpan) -> Int {
    for index in 0..<min(left.byteCount, right.byteCount) {
      let first = unsafe left.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      let second = unsafe right.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      if first != second { return Int(first) - Int(second) }
    }
    return left.byteCount - right.byteCount
  }
}

extension FilterText {
  func equals(_ text: RawSpan) -> Bool {
    if !ignoresCase { return unsafe text.isEqual(to: bytes.span.bytes) }
    guard isASCII else { return CaseFolding.folded(text) == bytes }
    // Folding keeps the length of ASCII, and makes none of other characters: these are compared in place.
    guard text.byteCount == bytes.count else { return false }
    return bytes.indices.allSatisfy {
      CaseFolding.lower(unsafe text.unsafeLoad(fromByteOffset: $0, as: UInt8.self)) == bytes[$0]
    }
  }
}

extension TextTest {
  /// The rows of a column that pass, of those that are candidates.
  ///
  /// - Parameters:
  ///   - exact: the column as it is.
  ///   - folded: makes the column with ASCII in lower case.
  func matches(
    in candidates: RowSet, _ exact: TextColumn, folded: () throws(FilterFailure) -> TextColumn,
    _ evaluation: FilterEvaluation
  ) throws(FilterFailure) -> RowSet {
    switch self {
    case .exists: return candidates
    case .contains(let wanted), .word(let wanted):
      let isWord = if case .word = self { true } else { false }
      guard wanted.ignoresCase else { return exact.finding(wanted.bytes, isWord: isWord, in: candidates) }
      let column = try folded()
      if wanted.isASCII { return column.finding(wanted.bytes, isWord: isWord, in: candidates) }
      return try exact.filter(candidates, self, evaluation)
    case .regex, .equals, .glob, .order: return try exact.filter(candidates, self, evaluation)
    }
  }
}

extension FilterRegex {
  /// The rows that hold the text which every match needs.
  func candidates(
    in rows: RowSet, _ exact: TextColumn, folded: () throws(FilterFailure) -> TextColumn,
    _ evaluation: FilterEvaluation
  ) throws(FilterFailure) -> RowSet {
    guard let required else { return rows }
    return try TextTest.contains(required).matches(in: rows, exact, folded: folded, evaluation)
  }
}

extension TextColumn {
  fileprivate func filter(
    _ candidates: RowSet, _ test: TextTest, _ evaluation: FilterEvaluation
  ) throws(FilterFailure) -> RowSet {
    var matching = RowSet(false, count: candidates.count)
    let span = bytes.span
    var row = -1
    while let next = candidates.next(after: row) {
      row = next
      try evaluation.checkpoint()
      if try test.holds(for: span.extracting(rows[row]), evaluation.matcher) { matching.insert(row) }
    }
    return matching
  }

  /// The candidates that hold `needle`: one sweep over all rows, or one search each if few are candidates.
  fileprivate func finding(_ needle: [UInt8], isWord: Bool, in candidates: RowSet) -> RowSet {
    var matching = RowSet(false, count: rows.count)
    let span = bytes.span
    func find(from: Int, to: Int, bounds: Range<Int>) -> Int? {
      isWord
        ? LiteralSearch.firstWord(needle, in: span, from: from, to: to, bounds: bounds)
        : LiteralSearch.first(needle, in: span, from: from, to: to)
    }
    guard !needle.isEmpty, candidates.population > rows.count / 8, let end = rows.last?.upperBound else {
      candidates.forEach { row in
        if find(from: rows[row].lowerBound, to: rows[row].upperBound, bounds: rows[row]) != nil { matching.insert(row) }
      }
      return matching
    }
    var row = 0
    var offset = rows[0].lowerBound
    while let found = LiteralSearch.first(needle, in: span, from: offset, to: end) {
      while rows[row].upperBound <= found { row += 1 }
      let part = found..<found + needle.count
      if part.upperBound <= rows[row].upperBound, !isWord || LiteralSearch.isWord(part, in: span, bounds: rows[row]) {
        if candidates.contains(row) { matching.insert(row) }
        offset = rows[row].upperBound
      } else {
        offset = found + 1
      }
    }
    return matching
  }
}
