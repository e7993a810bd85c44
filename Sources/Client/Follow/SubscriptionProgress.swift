internal import LogsSystem
internal import LogsWire

/// One subscription across connections: where it stands, what to ask for next time, and when it is over.
///
/// A value without I/O. Within a connection the session proves that each stream is covered without a hole; here the
/// same is proved from one connection to the next: each stream goes on exactly where it was (P5, P6).
///
/// What a request means must not change with the time at which it is asked again:
/// - A start counts for streams that are not known. Once all have been told, a stream that is not known is new, and
///   starts at its first entry.
/// - An end at the head means the heads told first. The streams with such a target are asked for by name later, what
///   lies beyond is cut off, and it is over when all are reached.
/// - A limit counts what is left.
/// - In reverse, cursor and start bound from below, and what lies above the place where it was is cut off.
///
/// A connection is asked by one request, or by several when the positions do not fit (`SubscriptionProgress+Parts`).
struct SubscriptionProgress {
  /// One stream.
  struct Track {
    let incarnation: Incarnation
    /// The last number covered; in reverse, the lowest.
    var position: UInt64
    /// The last number wanted, when it ends at the head.
    let target: UInt64?
    /// The last number that is known to be stored.
    var head: UInt64
    /// In reverse, the number above which the server starts to look; nil when it follows from the start alone.
    let lowerBound: UInt64?
  }

  let terms: SubscriptionTerms
  let limits: FollowLimits
  private(set) var tracks: [StreamName: Track] = [:]
  private(set) var remaining: UInt64?
  private(set) var isResolved = false
  /// Connections that it was begun on.
  var beginCount = 0

  // This connection.
  /// What has been asked for, by number.
  var parts: [SubscriptionPart] = []
  /// What is still to be asked for.
  var planned = Deque<PlannedPart>()
  /// Whether it takes more than one request.
  var isDivided = false
  /// How many parts there may be before it is divided anew.
  var partCountMax = 1
  /// Streams that the watch was told: before RESOLVED, and after it.
  var found: [StreamName] = []
  var born: [StreamName] = []
  var isLiveTold = false

  init(_ terms: SubscriptionTerms, limits: FollowLimits = FollowLimits()) {
    self.terms = terms
    self.limits = limits
    remaining = terms.end.limit
  }

  private var isResumption: Bool { beginCount > 1 }
  var isReverse: Bool { terms.isReverse }

  /// The position of every stream known.
  var cursor: LogCursor { LogCursor(tracks.map { position(of: $0.key, $0.value) }) }

  func position(of stream: StreamName, _ track: Track) -> CursorPosition {
    CursorPosition(stream: stream, incarnation: track.incarnation, sequence: track.position)
  }
}

// MARK: - Its end

extension SubscriptionProgress {
  func isReached(_ track: Track) -> Bool {
    if isReverse { return track.position <= 1 || track.position <= (track.lowerBound ?? 0) + 1 }
    return track.target.map { track.position >= $0 } ?? false
  }

  /// Why nothing more is to be asked for, if it is so.
  var endReason: EndReason? {
    if remaining == 0 { return .limit }
    guard isResolved, isReverse || terms.end.atHead, tracks.values.allSatisfy(isReached) else { return nil }
    return isReverse ? .start : .until
  }

  /// Whether this side ends it, because the server was asked for more than is wanted.
  var endsHere: EndReason? { isResumption || isDivided ? endReason : nil }

  /// What the server's reason means for the request as it was made.
  func reason(_ told: EndReason) -> EndReason { told == .complete && terms.end.atHead ? .until : told }
}

// MARK: - Being told

extension SubscriptionProgress {
  /// A stream of the subscription.
  ///
  /// - Returns: what the application gets; nil when it knows the stream.
  /// - Throws: `LogError` that ends the subscription.
  mutating func announced(_ announcement: Announcement, part: Int = 0) throws(LogError) -> AnnouncedStream? {
    let stream = announcement.stream
    if parts[part].role == .watch {
      if parts[part].isResolved { born.append(stream) } else { found.append(stream) }
      return nil
    }
    let told = AnnouncedStream(
      stream: stream, incarnation: announcement.incarnation, start: announcement.position, head: announcement.head,
      isSealed: announcement.isSealed, isSearchCut: announcement.isSearchCut)
    if let track = tracks[stream] {
      parts[part].handles[announcement.handle] = stream
      tracks[stream]?.head = max(track.head, told.head)
      try check(told, goesOnFrom: position(of: stream, track))
      return nil
    }
    // Born since the heads were fixed: no part of it, though the server may think so.
    if isResumption, isResolved, isReverse || terms.end.atHead { return nil }
    if let position = terms.cursor[stream], !isReverse { try check(told, goesOnFrom: position) }
    if let position = terms.cursor[stream], isReverse { try check(told, isSameAs: position) }
    parts[part].handles[announcement.handle] = stream
    tracks[stream] = Track(
      incarnation: told.incarnation, position: told.start, target: terms.end.atHead && !isReverse ? told.head : nil,
      head: told.head,
      lowerBound: isReverse ? lowerBound(told) : nil)
    return told
  }

  /// Where the server will stop in reverse, as far as it does not depend on what it alone knows.
  private func lowerBound(_ told: AnnouncedStream) -> UInt64? {
    if let position = terms.cursor[told.stream] { return position.sequence }
    switch terms.start {
    case .now: return told.head
    case .last where terms.filter != nil: return nil
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

  /// All streams that a part matches have been told.
  ///
  /// - Returns: whether all streams of the subscription have been told, for the first time or on another connection;
  ///   nil while they have not.
  mutating func resolved(part: Int = 0) -> Resolution? {
    parts[part].isResolved = true
    if parts[part].role == .watch { watchResolved() }
    guard isToldWhole else { return nil }
    defer { isResolved = true }
    return isResolved ? .again : .first
  }

  enum Resolution {
    case first
    case again
  }

  /// A part has been delivered up to the head.
  mutating func live(part: Int = 0) { parts[part].isLive = true }

  /// Entries.
  ///
  /// - Returns: nil when none of them is wanted.
  mutating func delivered(_ delivery: ClientSession.Delivery, part: Int = 0) throws(LogError) -> DeliveredBatch? {
    guard remaining != 0, let (stream, track, range) = wanted(delivery.handle, delivery.from, delivery.to, part) else {
      return nil
    }
    var batch = DeliveredBatch(
      stream: stream, incarnation: track.incarnation, range: range, batches: delivery.batches,
      storedByteCount: delivery.byteCount, isReverse: isReverse)
    if let remaining {
      // Each part may bring as many as are left.
      let count = try batch.limit(to: remaining)
      self.remaining = remaining - count
    }
    move(stream, past: batch.range)
    return batch
  }

  /// A range that does not come.
  ///
  /// - Returns: nil when none of it was wanted.
  mutating func skipped(_ skip: Skip, part: Int = 0) -> SkippedRange? {
    guard let (stream, track, range) = wanted(skip.handle, skip.from, skip.to, part) else { return nil }
    move(stream, past: range)
    return SkippedRange(stream: stream, incarnation: track.incarnation, range: range, reason: skip.reason)
  }

  /// Streams go further than was known.
  ///
  /// - Returns: how many entries are still to come.
  mutating func headsMoved(_ heads: [StreamHead], part: Int = 0) -> UInt64 {
    for head in heads {
      guard let stream = parts[part].handles[head.handle], let track = tracks[stream] else { continue }
      tracks[stream]?.head = max(track.head, head.head)
    }
    let count = tracks.values.reduce(UInt64(0)) { sum, track in
      let last = min(track.head, track.target ?? .max, terms.end.sequence ?? .max)
      let (total, isTooMany) = sum.addingReportingOverflow(last > track.position ? last - track.position : 0)
      return isTooMany ? .max : total
    }
    return min(count, remaining ?? .max)
  }

  /// Cuts a range to what is wanted.
  private func wanted(
    _ handle: UInt32, _ from: UInt64, _ to: UInt64, _ part: Int
  ) -> (StreamName, Track, ClosedRange<UInt64>)? {
    guard let stream = parts[part].handles[handle], let track = tracks[stream] else { return nil }
    let upper = isReverse ? min(to, track.position == 0 ? 0 : track.position - 1) : min(to, track.target ?? .max)
    guard from <= upper else { return nil }
    return (stream, track, from...upper)
  }

  private mutating func move(_ stream: StreamName, past range: ClosedRange<UInt64>) {
    let position = isReverse ? range.lowerBound : range.upperBound
    tracks[stream]?.position = position
  }
}
