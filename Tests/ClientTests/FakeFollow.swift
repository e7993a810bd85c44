import LogsWire

/// A subscription of the fake server, which starts, limits and ends delivery as the real one does.
final class FakeFollow {
  struct Track {
    let stream: StreamName
    let handle: UInt32
    /// The next number; in reverse, the one above it.
    var next: UInt64
    /// The last number wanted; in reverse, the lowest.
    var bound: UInt64?
  }

  let follow: Follow
  var tracks: [Track] = []
  var isResolved = false
  var isLive = false
  var limit: UInt64?

  init(_ follow: Follow) {
    self.follow = follow
    limit = follow.end.limit
  }

  func selects(_ name: StreamName) -> Bool {
    follow.selectors.contains { selector in
      switch selector {
      case .stream(let stream): stream == name
      case .pattern(let pattern): pattern.matches(name)
      }
    }
  }

  func start(_ stream: FakeStream) -> Result<Announcement, Refusal> {
    var after: UInt64
    if let cursor = follow.cursor.first(where: { $0.stream == stream.name }) {
      let position = Refusal.StreamPosition(name: stream.name.text, incarnation: stream.incarnation, head: stream.head)
      if cursor.incarnation != .any, cursor.incarnation != stream.incarnation {
        return .failure(Refusal(.streamReplaced, "replaced", stream: position))
      }
      if cursor.sequence > stream.head { return .failure(Refusal(.cursorAhead, "ahead", stream: position)) }
      after = cursor.sequence
    } else {
      switch follow.start {
      case .first, .since: after = 0
      case .now: after = stream.head
      case .last(let count): after = stream.head - min(count, stream.head)
      case .from(let sequence): after = sequence - 1
      }
    }
    var track = Track(stream: stream.name, handle: UInt32(tracks.count), next: after + 1)
    if follow.isReverse {
      track.bound = after + 1
      track.next = min(follow.end.sequence ?? stream.head, stream.head) + 1
      after = max(track.next, after + 1)
    } else {
      track.bound = follow.end.atHead ? min(follow.end.sequence ?? stream.head, stream.head) : follow.end.sequence
    }
    tracks.append(track)
    return .success(announcement(track, stream, position: after))
  }

  func appeared(_ stream: FakeStream) -> Announcement {
    let track = Track(stream: stream.name, handle: UInt32(tracks.count), next: 1, bound: follow.end.sequence)
    tracks.append(track)
    return announcement(track, stream, position: 0)
  }

  private func announcement(_ track: Track, _ stream: FakeStream, position: UInt64) -> Announcement {
    Announcement(
      handle: track.handle, isSealed: stream.isSealed, incarnation: stream.incarnation, position: position,
      head: stream.head, stream: stream.name)
  }

  /// Takes the next event of a track.
  func next(_ index: Int, _ stream: FakeStream) -> (BatchRange, Batch)? {
    let track = tracks[index]
    var range: BatchRange
    if follow.isReverse {
      let lowest = track.bound ?? 1
      guard track.next > lowest, let batch = stream.batch(holding: track.next - 1) else { return nil }
      range = BatchRange(handle: track.handle, from: max(batch.header.firstSequence, lowest), to: track.next - 1)
      if let limit { range.from = max(range.from, range.to - min(limit, range.to) + 1) }
      tracks[index].next = range.from
      take(range)
      return (range, batch)
    }
    guard track.next <= min(stream.head, track.bound ?? .max), let batch = stream.batch(holding: track.next) else {
      return nil
    }
    range = BatchRange(handle: track.handle, from: track.next, to: min(batch.header.lastSequence, track.bound ?? .max))
    if let limit { range.to = min(range.to, range.from + limit - 1) }
    tracks[index].next = range.to + 1
    take(range)
    return (range, batch)
  }

  private func take(_ range: BatchRange) { if let limit { self.limit = limit - (range.to - range.from + 1) } }

  func isAtHead(_ streams: [StreamName: FakeStream]) -> Bool {
    !follow.isReverse && tracks.allSatisfy { $0.next > streams[$0.stream]?.head ?? 0 }
  }

  func endReason(_ streams: [StreamName: FakeStream]) -> EndReason? {
    if limit == 0 { return .limit }
    if follow.isReverse { return tracks.allSatisfy { $0.next <= $0.bound ?? 1 } ? .start : nil }
    if tracks.allSatisfy({ $0.bound.map { bound in bound < .max } ?? false }), follow.end.atHead || !tracks.isEmpty,
      zip(tracks, tracks.map { $0.bound ?? .max }).allSatisfy({ $0.next > $1 })
    {
      return .until
    }
    let names = follow.selectors.compactMap { if case .stream(let name) = $0 { name } else { nil } }
    guard names.count == follow.selectors.count, isAtHead(streams) else { return nil }
    return names.allSatisfy { streams[$0]?.isSealed == true } ? .complete : nil
  }
}
