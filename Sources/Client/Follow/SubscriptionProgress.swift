internal import LogsSystem
internal import LogsWire

/// One subscription across connections: its positions, what to request on the next connection, and when it is over.
///
/// A value without I/O. Within a connection the session checks that each stream is covered without a gap. Here the same
/// is checked from one connection to the next: each stream continues exactly where it stopped (P5, P6).
///
/// A subscription must mean the same on every connection:
/// - The start applies to streams that are not known yet. Once all streams have been announced, an unknown one is new
///   and starts at its first entry.
/// - An end at the head means the heads that were announced first. Later connections request these streams by name,
///   entries after those heads are cut off, and the subscription ends when all heads are reached.
/// - A limit is reduced by what has been delivered.
/// - In reverse, cursor and start are the lower bound, and entries above the current position are cut off.
///
/// On a connection it is one FOLLOW, or several if the positions do not fit into one (`SubscriptionProgress+Parts`).
struct SubscriptionProgress {
  /// One stream.
  struct Track {
    let incarnation: Incarnation
    /// The last sequence number delivered or skipped; in reverse, the lowest.
    var position: UInt64
    /// The last number wanted, if the subscription ends at the head.
    let target: UInt64?
    /// The last number known to be stored.
    var head: UInt64
    /// In reverse, entries at or below this number are not wanted; nil if only the server knows the bound.
    let lowerBound: UInt64?
  }

  private(set) var terms: SubscriptionTerms
  let limits: FollowLimits
  private(set) var tracks: [StreamName: Track] = [:]
  private(set) var remaining: UInt64?
  private(set) var isResolved = false
  /// How many times it was begun: once on each connection.
  var beginCount = 0

  // This connection.
  /// The parts that were requested. Their indexes are the numbers of the parts.
  var parts: [SubscriptionPart] = []
  /// The parts that are still to be requested.
  var planned = Deque<PlannedPart>()
  /// Whether it takes more than one part.
  var isDivided = false
  /// With more parts than this it is divided anew.
  var partCountMax = 1
  /// Streams announced to the watch: before RESOLVED, and after it.
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

// MARK: - Streams that are gone

extension SubscriptionProgress {
  /// What a subscription does about a stream that is not there any more, or is another one.
  enum Loss {
    /// It goes on without the stream: only a pattern has found it, and the next one of its name is new.
    ///
    /// - Parameter wasKnown: whether the application knows the stream.
    case goesOn(wasKnown: Bool)
    /// Another part is about to say what was missed of the stream, and that it is gone.
    case isToldByPart
    case ends
  }

  /// A part was refused because of a stream.
  mutating func lost(_ gone: Refusal.StreamPosition, part: Int) -> Loss {
    let stream = StreamName(stored: gone.name)
    let isDeleted = gone.incarnation == .any
    if parts[part].role == .watch, isDeleted, isFollowedByPart(stream) { return .isToldByPart }
    guard !terms.selectors.contains(.stream(stream)) else { return .ends }
    let isKnown = tracks[stream] != nil || (terms.cursor[stream] != nil && !isBounded)
    if isBounded {
      // With its end at the head it has lost entries that it was to deliver, once the heads are known.
      guard isDeleted, !isKnown || !isResolved else { return .ends }
    } else if !isDeleted, !isKnown {
      return .ends
    }
    forget(stream)
    return .goesOn(wasKnown: isKnown)
  }

  /// Whether a request by name follows the stream on this connection: the server reports a deletion to that one, too.
  private func isFollowedByPart(_ stream: StreamName) -> Bool {
    parts.contains { $0.isOpen && $0.role == .names && $0.handles.values.contains(stream) }
  }

  /// A stream is announced that only a pattern has found: if it was another one before, that is forgotten.
  ///
  /// - Returns: whether the application knows the former one.
  mutating func forgetFormer(of announcement: Announcement, part: Int = 0) -> Bool {
    let stream = announcement.stream
    guard parts[part].role != .watch, !isBounded, announcement.position == 0,
      let former = tracks[stream]?.incarnation ?? terms.cursor[stream]?.incarnation,
      former != .any, former != announcement.incarnation, !terms.selectors.contains(.stream(stream))
    else { return false }
    forget(stream)
    return true
  }

  private mutating func forget(_ stream: StreamName) {
    tracks[stream] = nil
    terms.cursor.remove(stream)
  }
}

// MARK: - Its end

extension SubscriptionProgress {
  func isReached(_ track: Track) -> Bool {
    if isReverse { return track.position <= 1 || track.position <= (track.lowerBound ?? 0) + 1 }
    return track.target.map { track.position >= $0 } ?? false
  }

  /// Why it is over already, if it is: then nothing more is requested.
  var endReason: EndReason? {
    if remaining == 0 { return .limit }
    guard isResolved, isReverse || terms.end.atHead, tracks.values.allSatisfy(isReached) else { return nil }
    return isReverse ? .start : .until
  }

  /// Why the client ends it, if it does: the requests may have asked the server for more than is wanted.
  var endsHere: EndReason? { isResumption || isDivided ? endReason : nil }

  /// What the server's reason means for the subscription as the application asked for it.
  func reason(_ told: EndReason) -> EndReason { told == .complete && terms.end.atHead ? .until : told }
}

// MARK: - What the server sends

extension SubscriptionProgress {
  /// A stream was announced.
  ///
  /// - Returns: what the application gets; nil if it knows the stream already.
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
    // Created after the heads were fixed: not part of the subscription, even if the server includes it.
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

  /// Where the server stops in reverse; nil if only the server knows.
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
        """
        stream '\(told.stream)' is not the one that was followed: its history was replaced or it was created anew; \
        start without the cursor to read it
        """,
        stream: .init(name: told.stream.text, incarnation: told.incarnation, head: told.head))
      throw LogError(refusal)
    }
  }

  private func check(_ told: AnnouncedStream, goesOnFrom position: CursorPosition) throws(LogError) {
    try check(told, isSameAs: position)
    // In reverse all streams start as high as the highest one; what has been delivered already is cut off.
    guard isReverse ? told.start >= position.sequence || isReached(told.stream) : told.start == position.sequence else {
      throw LogError(
        .protocolViolation,
        """
        the server continues after \(told.start) in stream '\(told.stream)', which was followed to \
        \(position.sequence)
        """)
    }
  }

  private func isReached(_ stream: StreamName) -> Bool { tracks[stream].map(isReached) ?? false }

  /// All streams of a part have been announced.
  ///
  /// - Returns: whether this completes the streams of the subscription for the first time, or again on another
  ///   connection; nil while some are missing.
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

  /// A part has reached the heads of its streams.
  mutating func live(part: Int = 0) { parts[part].isLive = true }

  /// Entries have arrived.
  ///
  /// - Returns: nil if none of them is wanted.
  mutating func delivered(_ delivery: ClientSession.Delivery, part: Int = 0) throws(LogError) -> DeliveredBatch? {
    guard remaining != 0, let (stream, track, range) = wanted(delivery.handle, delivery.from, delivery.to, part) else {
      return nil
    }
    var batch = DeliveredBatch(
      stream: stream, incarnation: track.incarnation, range: range, batches: delivery.batches,
      storedByteCount: delivery.byteCount, isReverse: isReverse)
    if let remaining {
      // The limit of each part allows all that are left.
      let count = try batch.limit(to: remaining)
      self.remaining = remaining - count
    }
    move(stream, past: batch.range)
    return batch
  }

  /// A range will not be delivered.
  ///
  /// - Returns: nil if none of it is wanted.
  mutating func skipped(_ skip: Skip, part: Int = 0) -> SkippedRange? {
    guard let (stream, track, range) = wanted(skip.handle, skip.from, skip.to, part) else { return nil }
    move(stream, past: range)
    return SkippedRange(stream: stream, incarnation: track.incarnation, range: range, reason: skip.reason)
  }

  /// Streams have grown.
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
