/// How far a follower has read: for every stream, the last sequence number seen and the incarnation it belongs to.
///
/// Advance it with everything that has been handled, save it, and follow from it again: nothing is missed and nothing
/// comes twice.
public struct LogCursor: Hashable, Sendable {
  /// The last sequence number seen of each stream; 0 before the first.
  public private(set) var positions: [StreamName: CursorPosition] = [:]

  public init() {}

  public init(_ positions: [CursorPosition]) {
    for position in positions { self.positions[position.stream] = position }
  }

  public var isEmpty: Bool { positions.isEmpty }

  public subscript(stream: StreamName) -> CursorPosition? { positions[stream] }

  /// All positions, ascending by stream.
  public var sorted: [CursorPosition] { positions.values.sorted { $0.stream < $1.stream } }

  /// Moves one stream to `position`.
  public mutating func advance(to position: CursorPosition) { positions[position.stream] = position }

  /// Moves past an event: a batch, a skipped range, or the start of a stream.
  ///
  /// The start matters as well: later, a stream that had no entries yet is not mistaken for a new one. Only for forward
  /// subscriptions; a reverse one can be resumed only by the client itself.
  public mutating func advance(past event: FollowEvent) {
    switch event {
    case .batch(let batch): advance(to: batch.position)
    case .announced(let stream): if positions[stream.stream] == nil { advance(to: stream.position) }
    case .skipped(let skip): advance(to: skip.position)
    case .deleted(let stream): remove(stream)
    case .resolved, .live, .behind, .interrupted, .resumed, .ended: break
    }
  }

  /// Moves past one entry.
  public mutating func advance(past entry: StreamEntry) { advance(to: entry.position) }

  /// Forgets a stream.
  public mutating func remove(_ stream: StreamName) { positions[stream] = nil }
}
