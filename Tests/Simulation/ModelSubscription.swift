import LogsWire

/// One FOLLOW: its streams, each behind, and then read from the disk, or live, and then sent each commit.
final class ModelSubscription {
  enum Mode: Equatable { case behind, live, sealed, done }

  final class Track {
    let stream: StreamName
    let handle: UInt32
    /// The next number to be delivered; in reverse, the one above it.
    var next: UInt64
    /// The last number to be delivered; in reverse, the lowest.
    let bound: UInt64?
    var mode = Mode.behind

    init(stream: StreamName, handle: UInt32, next: UInt64, bound: UInt64?) {
      self.stream = stream
      self.handle = handle
      self.next = next
      self.bound = bound
    }
  }

  let id: UInt32
  let follow: Follow
  var tracks: [Track] = []
  var remaining: UInt64?
  var isResolved = false
  var isLive = false
  var isOver = false
  var isReading = false

  init(id: UInt32, follow: Follow) {
    self.id = id
    self.follow = follow
    remaining = follow.end.limit
  }

  func selects(_ name: StreamName) -> Bool {
    follow.selectors.contains {
      switch $0 {
      case .stream(let wanted): wanted == name
      case .pattern(let pattern): pattern.matches(name)
      }
    }
  }

  var hasPattern: Bool {
    follow.selectors.contains { if case .pattern = $0 { true } else { false } }
  }

  /// Whether a stream that is named does not exist.
  var isMissingOne: Bool {
    follow.selectors.contains { selector in
      guard case .stream(let name) = selector else { return false }
      return !tracks.contains { $0.stream == name }
    }
  }

  /// The number after which delivery of a stream starts; in reverse, above which it ends.
  func position(_ stream: ModelDisk.Stream) throws(Refusal) -> UInt64 {
    let place = Refusal.StreamPosition(name: stream.name.text, incarnation: stream.incarnation, head: stream.head)
    if let cursor = follow.cursor.first(where: { $0.stream == stream.name }) {
      if cursor.incarnation != .any, cursor.incarnation != stream.incarnation {
        throw Refusal(.streamReplaced, "\(stream.name)", stream: place)
      }
      if cursor.sequence > stream.head { throw Refusal(.cursorAhead, "\(stream.name)", stream: place) }
      return cursor.sequence
    }
    if isResolved { return 0 }
    switch follow.start {
    case .first, .since: return 0
    case .now: return stream.head
    case .last(let count): return stream.head - min(count, stream.head)
    case .from(let sequence):
      if sequence > stream.head + 1 { throw Refusal(.cursorAhead, "\(stream.name)", stream: place) }
      return sequence - 1
    }
  }

  /// Why it is over, if it is (`spec/session.md`, section 5.6).
  var endReason: EndReason? {
    if remaining == 0 { return .limit }
    guard tracks.allSatisfy({ $0.mode == .done || $0.mode == .sealed }) else { return nil }
    if follow.isReverse { return .start }
    if follow.end.atHead { return .until }
    if tracks.isEmpty || isMissingOne { return nil }
    let isSealed = tracks.allSatisfy { $0.mode == .sealed }
    if isSealed, !hasPattern { return .complete }
    return !isSealed || follow.end.sequence != nil ? .until : nil
  }
}
