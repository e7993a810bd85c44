/// What a subscription selects: one stream, or all whose names match.
public enum StreamSelector: Hashable, Sendable {
  case stream(StreamName)
  case pattern(StreamPattern)

  package var isPattern: Bool { if case .pattern = self { true } else { false } }
}

/// Where delivery starts for streams that are not in the cursor.
public enum FollowStart: Hashable, Sendable {
  /// At the first entry that is kept.
  case first
  /// After the head: only entries that come from now on.
  case now
  /// With the last entries of each stream, as many as given.
  case last(UInt64)
  /// With the first entry of each stream at or after a time, in ns since 1970.
  case since(Int64)
  /// With this sequence number.
  case from(UInt64)
}

/// Where delivery ends: at whichever comes first, or never if nothing is set.
public struct FollowEnd: Hashable, Sendable {
  /// When everything stored at the moment of the request has been delivered.
  public var atHead = false
  /// After this sequence number of each stream. In reverse: begins with it.
  public var sequence: UInt64?
  /// Before the first entry of each stream later than this time, in ns since 1970. In reverse: begins with the last
  /// entry that is not later.
  public var time: Int64?
  /// After this many entries of all streams together.
  public var limit: UInt64?

  public init(atHead: Bool = false, sequence: UInt64? = nil, time: Int64? = nil, limit: UInt64? = nil) {
    self.atHead = atHead
    self.sequence = sequence
    self.time = time
    self.limit = limit
  }
}

/// The last sequence number seen of one stream.
public struct CursorPosition: Hashable, Sendable {
  public var stream: StreamName
  /// `.any` if it is not known.
  public var incarnation: Incarnation
  public var sequence: UInt64

  public init(stream: StreamName, incarnation: Incarnation, sequence: UInt64) {
    self.stream = stream
    self.incarnation = incarnation
    self.sequence = sequence
  }
}

/// A subscription (`spec/wire.md`, section 4.9).
package struct Follow: Hashable, Sendable {
  package var credit: UInt64
  package var selectors: [StreamSelector]
  package var start: FollowStart
  package var end: FollowEnd
  package var isReverse: Bool
  package var cursor: [CursorPosition]
  /// Which entries are delivered; nil for all.
  package var filter: Filter?

  package init(
    credit: UInt64, selectors: [StreamSelector], start: FollowStart, end: FollowEnd = FollowEnd(),
    isReverse: Bool = false, cursor: [CursorPosition] = [], filter: Filter? = nil
  ) {
    self.filter = filter
    self.credit = credit
    self.selectors = selectors
    self.start = start
    self.end = end
    self.isReverse = isReverse
    self.cursor = cursor
  }
}

/// A stream of a subscription and where its delivery starts (`spec/wire.md`, section 4.10).
package struct Announcement: Hashable, Sendable {
  package var handle: UInt32
  package var isSealed: Bool
  package var incarnation: Incarnation
  package var position: UInt64
  package var head: UInt64
  package var stream: StreamName
  /// Whether the search for the last entries that pass a filter ended at the position, before all were found.
  package var isSearchCut: Bool

  package init(
    handle: UInt32, isSealed: Bool, incarnation: Incarnation, position: UInt64, head: UInt64, stream: StreamName,
    isSearchCut: Bool = false
  ) {
    self.isSearchCut = isSearchCut
    self.handle = handle
    self.isSealed = isSealed
    self.incarnation = incarnation
    self.position = position
    self.head = head
    self.stream = stream
  }
}

/// A delivered range (`spec/wire.md`, section 4.12); the batches follow in the frame.
package struct BatchRange: Hashable, Sendable {
  package var handle: UInt32
  package var from: UInt64
  package var to: UInt64

  package init(handle: UInt32, from: UInt64, to: UInt64) { (self.handle, self.from, self.to) = (handle, from, to) }
}

/// A range that is not delivered, and why (`spec/wire.md`, section 4.13).
package struct Skip: Hashable, Sendable {
  package var handle: UInt32
  package var reason: SkipReason
  package var from: UInt64
  package var to: UInt64

  package init(handle: UInt32, reason: SkipReason, from: UInt64, to: UInt64) {
    self.handle = handle
    self.reason = reason
    self.from = from
    self.to = to
  }
}

/// How far a stream goes by now (`spec/wire.md`, section 4.20).
package struct StreamHead: Hashable, Sendable {
  package var handle: UInt32
  package var head: UInt64

  package init(handle: UInt32, head: UInt64) {
    self.handle = handle
    self.head = head
  }
}

/// Why a subscription ended (`spec/wire.md`, section 4.15).
public struct EndReason: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Every named stream is sealed and delivered to its end.
  public static let complete = EndReason(rawValue: 1)
  public static let limit = EndReason(rawValue: 2)
  /// The requested head, sequence number or time is reached.
  public static let until = EndReason(rawValue: 3)
  public static let cancelled = EndReason(rawValue: 4)
  /// Reverse: nothing lies below.
  public static let start = EndReason(rawValue: 5)

  public var description: String {
    switch self {
    case .complete: "complete"
    case .limit: "limit"
    case .until: "until"
    case .cancelled: "cancelled"
    case .start: "start"
    default: "reason_\(rawValue)"
    }
  }
}
