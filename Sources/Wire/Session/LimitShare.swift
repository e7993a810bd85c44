/// How the streams that are behind share the limit of a subscription (`spec/session.md`, section 5.6).
///
/// A reader that goes page by page asks repeatedly, each time with the cursors of the previous page. If the first
/// stream could take everything, a busy one would starve the others. So each stream gets its share in turn, and the
/// turns begin with another stream when the cursors have moved. Even with more streams than shares, each is first at
/// some point.
package enum LimitShare {
  /// The smallest share: batches are sent whole, however few of their entries are wanted.
  package static let entryCountMin: UInt64 = 100

  /// How much of the rest the next of `turnCount` streams may take.
  package static func entryCount(of remaining: UInt64, turnCount: Int) -> UInt64 {
    min(remaining, max(entryCountMin, remaining / UInt64(max(turnCount, 1))))
  }

  /// Which of `turnCount` streams goes first: always the same one for the same cursors, any one for different cursors.
  package static func firstTurn(of turnCount: Int, cursor: [CursorPosition]) -> Int {
    guard turnCount > 1 else { return 0 }
    var hash: UInt64 = 0
    for position in cursor { hash = (hash ^ position.sequence ^ hash >> 29) &* 0x9e37_79b9_7f4a_7c15 }
    return Int((hash >> 32) % UInt64(turnCount))
  }
}
