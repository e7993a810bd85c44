/// What a follower gets, in order.
public enum FollowEvent: Sendable {
  /// Entries.
  case batch(DeliveredBatch)
  /// A stream of the subscription, and where its delivery starts. Once for each stream, unless it is deleted.
  case announced(AnnouncedStream)
  /// All streams that match now have been announced. Once.
  case resolved
  /// Entries that will not be delivered, and why.
  case skipped(SkippedRange)
  /// A stream that a pattern had found, or of which the cursor had a position, was deleted, maybe while the link was
  /// down. If there is one of its name again, that is announced as a new one. A subscription that names the stream, or
  /// ends at the head, ends with `stream_replaced` instead.
  case deleted(StreamName)
  /// Everything stored has been delivered; what comes now is new. Once for each connection.
  case live
  /// How many stored entries are still to come after this event. Every few seconds while the subscription catches up.
  case behind(UInt64)
  /// The connection is lost; the client makes a new one.
  case interrupted(LogError)
  /// The subscription continues where it was interrupted: nothing is missing and nothing comes twice.
  case resumed(at: LogCursor)
  /// The last event.
  case ended(EndReason)
}

/// A stream of a subscription.
public struct AnnouncedStream: Hashable, Sendable {
  public var stream: StreamName
  public var incarnation: Incarnation
  /// Delivery starts after this sequence number; in reverse, below it.
  public var start: UInt64
  /// The stream's last sequence number at that moment.
  public var head: UInt64
  public var isSealed: Bool
  /// Whether the server stopped looking back for the last entries that pass the filter, and found fewer than were asked
  /// for: it looked at what comes after `start`.
  public var isSearchCut = false

  /// The cursor's position before anything has been delivered.
  public var position: CursorPosition { CursorPosition(stream: stream, incarnation: incarnation, sequence: start) }
}

/// Entries that are not delivered.
public struct SkippedRange: Hashable, Sendable {
  public var stream: StreamName
  public var incarnation: Incarnation
  public var range: ClosedRange<UInt64>
  public var reason: SkipReason

  /// The cursor's position after it.
  public var position: CursorPosition {
    CursorPosition(stream: stream, incarnation: incarnation, sequence: range.upperBound)
  }
}

/// One entry and the stream that it belongs to.
public struct StreamEntry: Hashable, Sendable {
  public var stream: StreamName
  public var incarnation: Incarnation
  public var entry: LogEntry

  /// The cursor's position after it.
  public var position: CursorPosition {
    CursorPosition(stream: stream, incarnation: incarnation, sequence: entry.sequence)
  }
}
