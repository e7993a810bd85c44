/// How far a follower has read: for every stream, the last sequence number seen and the incarnation it belongs to.
///
/// Advance it with what has been dealt with, keep it, and follow from it again: nothing is missed and nothing comes
/// twice.
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

  /// Moves past what `event` told: a batch, a skipped range, or where a stream starts.
  ///
  /// The start counts as well: a stream that was silent when the cursor was kept is not taken for a new one later. For
  /// subscriptions that go forward; one that is reversed is resumed by the client alone.
  public mutating func advance(past event: FollowEvent) {
    switch event {
    case .batch(let batch): advance(to: batch.position)
    case .announced(let stream): if positions[stream.stream] == nil { advance(to: stream.position) }
    case .skipped(let skip): advance(to: skip.position)
    case .resolved, .live, .behind, .interrupted, .resumed, .ended: break
    }
  }

  /// Moves past one entry.
  public mutating func advance(past entry: StreamEntry) { advance(to: entry.position) }

  /// Forgets a stream.
  public mutating func remove(_ stream: StreamName) { positions[stream] = nil }
}
