import LogsWire

extension RawClient {
  func follow(_ stream: String, id: UInt32 = 9, from start: FollowStart = .first, credit: UInt64 = 1 << 40) throws {
    try send(.follow(Follow(credit: credit, selectors: [.stream(try StreamName(stream))], start: start)), id: id)
  }

  /// Reads until that many entries of one stream have come, which must cover their range without a hole.
  func followed(_ count: Int) throws -> ClosedRange<UInt64>? {
    var range: ClosedRange<UInt64>?
    while (range?.count ?? 0) < count {
      switch try receive().message {
      case .batch(let piece, _):
        if let before = range, piece.from != before.upperBound + 1 {
          throw Failure("a gap: \(piece.from) after \(before)")
        }
        range = (range?.lowerBound ?? piece.from)...piece.to
      case .stream, .resolved, .live, .heads: break
      case let other: throw Failure("\(other.type) while following")
      }
    }
    return range
  }
}
