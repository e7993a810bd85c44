package import LogsWire

/// Which part of a stream to read.
package struct ReadRequest: Hashable, Sendable {
  package static let byteCountLimit = 1 << 20

  package var stream: Int64
  package var from: UInt64
  /// The last number wanted; numbers beyond the head are left out.
  package var to: UInt64
  /// Where to stop, including the bytes of earlier ranges in the same read; one batch is read even if it is larger.
  /// From 1 to `byteCountLimit`.
  package var byteCountMax: Int
  /// Batches descending from `to` to `from`, entries ascending inside.
  package var isReverse: Bool
  /// Leaves out what it does not let through: batches become sparse, and ranges skips. Such a read takes longer, and
  /// ends when it has taken its time.
  package var filter: SharedFilter?
  /// Where to stop, in entries; with a filter, in those that pass.
  package var countMax: UInt64?
  /// With a filter: what passes is counted, not given.
  package var tally: QueryKind?
  /// Whether batches may come with a dictionary that they need. Otherwise they are re-encoded without.
  package var takesDictionaries: Bool

  package init(
    stream: Int64, from: UInt64, to: UInt64, byteCountMax: Int = byteCountLimit, isReverse: Bool = false,
    filter: SharedFilter? = nil, countMax: UInt64? = nil, tally: QueryKind? = nil, takesDictionaries: Bool = false
  ) {
    self.tally = tally
    self.takesDictionaries = takesDictionaries
    self.filter = filter
    self.countMax = countMax
    self.stream = stream
    self.from = from
    self.to = to
    self.byteCountMax = min(max(byteCountMax, 1), Self.byteCountLimit)
    self.isReverse = isReverse
  }
}

/// A cover, without gaps, of the numbers that were asked for, as far as they were read.
package struct ReadResult: Hashable, Sendable {
  package enum Piece: Hashable, Sendable {
    /// Whole batches end to end that cover the numbers; the first and last may reach beyond them.
    ///
    /// In reverse each piece is one batch, and the pieces descend.
    case batches(Run)
    case skip(ClosedRange<UInt64>, SkipReason)
  }

  package var pieces: [Piece]
  /// The first number not covered; in reverse the last one not covered, 0 at the beginning of the stream.
  package var next: UInt64
  /// The stream's head when it was read.
  package var head: UInt64
  /// What was counted, if the request asked for that.
  package var tally: Tally?
  /// The bytes of batches that a filter was evaluated on.
  package var evaluatedByteCount = 0
  /// The highest effective time of the batch that a filter was evaluated on last, or that an index has counted.
  package var evaluatedTime: Int64?

  package init(pieces: [Piece], next: UInt64, head: UInt64) {
    self.pieces = pieces
    self.next = next
    self.head = head
  }

  /// The bytes of all batches.
  package var byteCount: Int {
    pieces.reduce(0) { sum, piece in
      switch piece {
      case .batches(let run): sum + run.batches.count
      case .skip: sum
      }
    }
  }
}
