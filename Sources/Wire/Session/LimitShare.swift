/// How the streams that are behind share the limit of a subscription (`spec/session.md`, section 5.6).
///
/// Who reads page by page asks again and again with the cursors of the page before. Were the first stream given all it has, a
/// busy one would keep those behind it waiting for ever. So each gets its share in its turn, and the turns begin elsewhere when
/// the cursors have moved: also with more streams than shares each comes to be the first.
package enum LimitShare {
  /// A share is no smaller: batches are sent whole, however few of their entries are wanted.
  package static let entryCountMin: UInt64 = 100

  /// What the next of `turnCount` streams may be given of what is left.
  package static func entryCount(of remaining: UInt64, turnCount: Int) -> UInt64 {
    min(remaining, max(entryCountMin, remaining / UInt64(max(turnCount, 1))))
  }

  /// Which of `turnCount` streams begins: always the same one for the same cursors, and any other for others.
  package static func firstTurn(of turnCount: Int, cursor: [CursorPosition]) -> Int {
    guard turnCount > 1 else { return 0 }
    var hash: UInt64 = 0
    for position in cursor { hash = (hash ^ position.sequence ^ hash >> 29) &* 0x9e37_79b9_7f4a_7c15 }
    return Int((hash >> 32) % UInt64(turnCount))
  }
}
