internal import LogsWire

/// One subscription across connections: where it stands, what to ask for next time, and when it is over.
///
/// A value without I/O. Within a connection the session proves that each stream is covered without a hole; here the same is
/// proved from one connection to the next: each stream goes on exactly where it was (P5, P6).
///
/// What a request means must not change with the time at which it is asked again:
/// - A start counts for streams that are not known. Once all have been told, a stream that is not known is new, and starts
///   at its first entry.
/// - An end at the head means the heads told first. The streams with such a target are asked for by name later, what lies
///   beyond is cut off, and it is over when all are reached.
/// - A limit counts what is left.
/// - In reverse, cursor and start bound from below, and what lies above the place where it was is cut off.
struct FollowState {
  /// One stream.
  private struct Track {
    let incarnation: Incarnation
    /// The last number covered; in reverse, the lowest.
    var position: UInt64
    /// The last number wanted, when it ends at the head.
    let target: UInt64?
    /// In reverse, the number above which the server starts to look; nil when it follows from the start alone.
    let lowerBound: UInt64?
  }

  private let request: FollowRequest
  private var tracks: [StreamName: Track] = [:]
  /// Which stream a handle of this connection stands for; streams that are no part of this have none.
  private var handles: [UInt32: StreamName] = [:]
  private var remaining: UInt64?
  private(set) var isResolved = false
  private var requestCount = 0

  init(_ request: FollowRequest) {
    self.request = request
    remaining = request.end.limit
  }

  private var isResumption: Bool { requestCount > 1 }
  private var isReverse: Bool { request.isReverse }

  /// The position of every stream known.
  var cursor: Cursor { Cursor(tracks.map { position(of: $0.key, $0.value) }) }

  private func position(of stream: StreamName, _ track: Track) -> CursorPosition {
    CursorPosition(stream: stream, incarnation: track.incarnation, sequence: track.position)
  }
}

// MARK: - Asking

extension FollowState {
  /// What a connection is asked for, the first or a later one.
  ///
  /// - Throws: `LogError` when the cursor is too long for a frame.
  mutating func begin(credit: UInt64) throws(LogError) -> Follow {
    requestCount += 1
    handles = [:]
    let isKnown = isResolved
    var end = request.end
    end.limit = remaining
    var selectors = request.selectors
    if isKnown, isReverse || end.atHead {
      // Those that have come into being since are no part of it. What does not fit is told and cut off.
      let names = tracks.filter { !isReached($0.value) }.keys.sorted()
      if !names.isEmpty, names.count <= Limits.selectorCountMax { selectors = names.map { .stream($0) } }
    }
    if isReverse, isKnown, let highest = tracks.values.map(\.position).max() {
      end.sequence = min(end.sequence ?? .max, max(highest, 2) - 1)
    }
    return Follow(
      credit: credit, selectors: selectors, start: isKnown && !isReverse ? .first : request.start, end: end,
      isReverse: isReverse, cursor: try positionsToSend())
  }

  private func positionsToSend() throws(LogError) -> [CursorPosition] {
    var positions: [StreamName: CursorPosition] = request.cursor.positions.filter { request.selects($0.key) }
    for (stream, track) in tracks {
      if !isReverse {
        positions[stream] = position(of: stream, track)
      } else if let lowerBound = track.lowerBound {
        positions[stream] = CursorPosition(stream: stream, incarnation: track.incarnation, sequence: lowerBound)
      }
    }
    let byteCount = positions.keys.reduce(0) { $0 + $1.text.utf8.count + Self.positionByteCount }
    // Selectors and fixed fields need the rest.
    guard byteCount <= Limits.controlByteCountMax / 2 else {
      throw LogError(
        .invalidRequest,
        "a cursor of \(positions.count) streams does not fit a request; follow fewer streams with one subscription")
    }
    return positions.values.sorted { $0.stream < $1.stream }
  }

  /// A name's length, incarnation and sequence number.
  private static let positionByteCount = 17

  private func isReached(_ track: Track) -> Bool {
    if isReverse { return track.position <= 1 || track.position <= (track.lowerBound ?? 0) + 1 }
    return track.target.map { track.position >= $0 } ?? false
  }

  /// Why nothing more is to be asked for, if it is so.
  var endReason: EndReason? {
    if remaining == 0 { return .limit }
    guard isResolved, isReverse || request.end.atHead, tracks.values.allSatisfy(isReached) else { return nil }
    return isReverse ? .start : .until
  }

  /// Whether this side ends it, because the server was asked for more than is wanted.
  var endsHere: EndReason? { isResumption ? endReason : nil }

  /// What the server's reason means for the request as it was made.
  func reason(_ told: EndReason) -> EndReason { told == .complete && request.end.atHead ? .until : told }
}

// MARK: - Being told

extension FollowState {
  /// A stream of the subscription.
  ///
  /// - Returns: what the application is told; nil when it knows the stream.
  /// - Throws: `LogError` that ends the subscription.
  mutating func announced(_ announcement: Announcement) throws(LogError) -> AnnouncedStream? {
    let stream = announcement.stream
    let told = AnnouncedStream(
      stream: stream, incarnation: announcement.incarnation, start: announcement.position, head: announcement.head,
      isSealed: announcement.isSealed)
    if let track = tracks[stream] {
      handles[announcement.handle] = stream
      try check(told, goesOnFrom: position(of: stream, track))
      return nil
    }
    // Born since the heads were fixed: no part of it, though the server may think so.
    if isResumption, isResolved, isReverse || request.end.atHead { return nil }
    if let position = request.cursor[stream], !isReverse { try check(told, goesOnFrom: position) }
    if let position = request.cursor[stream], isReverse { try check(told, isSameAs: position) }
    handles[announcement.handle] = stream
    tracks[stream] = Track(
      incarnation: told.incarnation, position: told.start, target: request.end.atHead && !isReverse ? told.head : nil,
      lowerBound: isReverse ? lowerBound(told) : nil)
    return told
  }

  /// Where the server will stop in reverse, as far as it does not depend on what it alone knows.
  private func lowerBound(_ told: AnnouncedStream) -> UInt64? {
    if let position = request.cursor[told.stream] { return position.sequence }
    switch request.start {
    case .now: return told.head
    case .last(let count): return told.head - min(count, told.head)
    case .from(let sequence): return sequence - 1
    case .first, .since: return nil
    }
  }

  private func check(_ told: AnnouncedStream, isSameAs position: CursorPosition) throws(LogError) {
    guard position.incarnation == .any || position.incarnation == told.incarnation else {
      let refusal = Refusal(
        .streamReplaced,
        "stream '\(told.stream)' is not the one that was followed: its history was replaced or it was created anew; start without the cursor to read it",
        stream: .init(name: told.stream.text, incarnation: told.incarnation, head: told.head))
      throw LogError(refusal)
    }
  }

  private func check(_ told: AnnouncedStream, goesOnFrom position: CursorPosition) throws(LogError) {
    try check(told, isSameAs: position)
    // In reverse the server starts as high as the stream that is highest; what has been delivered is cut off.
    guard isReverse ? told.start >= position.sequence || isReached(told.stream) : told.start == position.sequence else {
      throw LogError(
        .protocolViolation,
        "the server goes on after \(told.start) in stream '\(told.stream)', which was followed to \(position.sequence)")
    }
  }

  private func isReached(_ stream: StreamName) -> Bool { tracks[stream].map(isReached) ?? false }

  /// All streams that match have been told.
  ///
  /// - Returns: whether it is the first time.
  mutating func resolved() -> Bool {
    defer { isResolved = true }
    return !isResolved
  }

  /// Whether this connection takes up what another one began.
  var resumes: Bool { isResumption }

  /// Entries.
  ///
  /// - Returns: nil when none of them is wanted.
  mutating func delivered(_ delivery: ClientSession.Delivery) throws(LogError) -> DeliveredBatch? {
    guard let (stream, track, range) = take(delivery.handle, delivery.from, delivery.to) else { return nil }
    let batch = DeliveredBatch(
      stream: stream, incarnation: track.incarnation, range: range, batches: delivery.batches,
      storedByteCount: delivery.byteCount)
    if let remaining {
      let count = try batch.entryCount()
      self.remaining = remaining - min(remaining, count)
    }
    return batch
  }

  /// A range that does not come.
  ///
  /// - Returns: nil when none of it was wanted.
  mutating func skipped(_ skip: Skip) -> SkippedRange? {
    guard let (stream, track, range) = take(skip.handle, skip.from, skip.to) else { return nil }
    return SkippedRange(stream: stream, incarnation: track.incarnation, range: range, reason: skip.reason)
  }

  /// Cuts a range to what is wanted and moves the stream's position past it.
  private mutating func take(
    _ handle: UInt32, _ from: UInt64, _ to: UInt64
  ) -> (StreamName, Track, ClosedRange<UInt64>)? {
    guard let stream = handles[handle], let track = tracks[stream] else { return nil }
    let upper = isReverse ? min(to, track.position == 0 ? 0 : track.position - 1) : min(to, track.target ?? .max)
    guard from <= upper else { return nil }
    let position = isReverse ? from : upper
    tracks[stream]?.position = position
    return (stream, track, from...upper)
  }
}
