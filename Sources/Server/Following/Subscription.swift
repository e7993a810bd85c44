internal import LogsStore
package import LogsWire

/// One FOLLOW: its streams, fed from the store until they reach the head and by commits from then on.
///
/// Three parts: streams are found and announced (`Subscription+Resolving`), their entries are delivered
/// (`Subscription+Delivering`), and the end is detected here. Work that may take long is done in turns (`TurnQueue`):
/// names are compared, streams announced, and those that are behind fed. Commits and answers to reads are handled at
/// once.
///
/// A stream of it is `behind` or `live` (`Track.Mode`). Live streams get each commit as it comes. When credit or socket
/// is full, a live stream falls behind: nothing is buffered for it, it is read from the store once there is room (P7).
/// Streams that are behind take turns, several at once; at most one read is under way.
package final class Subscription {
  /// The id by which its host knows it.
  package let id: UInt32
  /// Readers drop requests that are no longer wanted.
  let cancellation = CancellationToken()
  package let follow: Follow
  /// The one that it shares with others who have an equal one.
  let filter: SharedFilter?
  unowned let host: any SubscriptionHost
  let hub: Hub

  private(set) var tracks: [Track] = []
  var resolver: Resolver
  /// The cursor that came with FOLLOW, until all streams are announced.
  var cursor: [StreamName: CursorPosition] = [:]
  /// A stream that has been found and waits for a turn, or for room in the socket, to be announced.
  var untold: StreamInfo?
  /// Where the hub keeps it while it waits for streams to be created.
  var waitingIndex: Int?
  /// Streams whose start is being looked up.
  var unresolvedCount = 0
  var isResolved = false

  /// Handles of the streams that are behind, in the order of their turns.
  var turns: ArraySlice<UInt32> = []
  /// Handles of the streams whose turn it is; the first of them are being read.
  var current: [UInt32] = []
  var isReading = false
  /// Whether it stands in the line of its host's `ReadSlots`.
  var isWaitingForReader = false
  /// The host's window when the read under way was asked for.
  var readWindowByteCount = 0
  /// Handles of the streams of which a range was left out and not told yet, and maybe others.
  var skippedTracks: [UInt32] = []
  /// Tells them.
  var skipCall: (any DelayedCall)?
  /// Ends the search for the last entries.
  var searchCall: (any DelayedCall)?
  var isSearchOver = false
  /// Entries that may still be delivered.
  var remaining: UInt64?

  /// Streams that LIVE waits for.
  private var backfillCount = 0
  private var doneCount = 0
  private var sealedCount = 0
  private var isLive = false
  package private(set) var isOver = false
  /// Wakes it at the time at which it ends.
  private var endCall: (any DelayedCall)?

  init(id: UInt32, follow: Follow, host: any SubscriptionHost, hub: Hub, rights: Rights) {
    self.id = id
    self.follow = follow
    self.host = host
    self.hub = hub
    filter = follow.filter.map { hub.share($0) }
    remaining = follow.end.limit
    resolver = Resolver(follow.selectors, source: hub.source, rights: rights)
  }

  /// Adds a stream.
  ///
  /// - Parameter found: the stream as it was found, which may be turns ago.
  /// - Returns: nil when the subscription is refused: the server's limit is reached, or the stream is gone.
  func newTrack(_ found: StreamInfo) -> Track? {
    // From here on the channel hears of it when the stream is deleted.
    guard let info = hub.source.stream(named: found.name), info.id == found.id else {
      refuse(Self.deleted(found.name, isRetryable: true))
      return nil
    }
    if let refusal = hub.countStream() {
      refuse(refusal)
      return nil
    }
    let track = Track(handle: UInt32(tracks.count), channel: hub.channel(info), subscription: self)
    tracks.append(track)
    track.channel.join(track)
    return track
  }
}

// MARK: - Turns

extension Subscription {
  /// Does pending work, as far as the turn allows; asks for another turn if something is left.
  package func takeTurn(_ turn: inout Turn) {
    tellStreams(&turn)
    if isResolved {
      settle()
      feed(&turn)
    }
    // If it has not used the reader that it was called for, the next one gets it.
    host.reads.callWaiting()
  }

  /// Its client shows another token. What that does not allow ends the subscription, to be asked for again, and so
  /// does a pattern for which it allows more: streams that were passed over would be missing without a word. Streams
  /// that are found from now on are those that it allows.
  ///
  /// - Parameter name: of the token, for people.
  package func take(_ rights: Rights, of name: String) {
    guard !isOver else { return }
    let isWider = !rights.readsNoMore(than: resolver.rights)
    resolver.rights = rights
    if isWider, follow.selectors.contains(where: \.isPattern) {
      return refuse(Refusal(.unauthorized, "the \(name) may read other streams; ask again", isRetryable: true))
    }
    if let lost = firstLost(rights) {
      refuse(Refusal(.unauthorized, "the \(name) has no right to read '\(lost)'; ask again", isRetryable: true))
    } else if let untold, !rights.allows(.read, untold.name) {
      // Its client has never heard of that one.
      refuse(Refusal(.unauthorized, "the \(name) may read other streams; ask again", isRetryable: true))
    }
  }

  /// A stream that the client knows of and may not read any more.
  private func firstLost(_ rights: Rights) -> StreamName? {
    guard !rights.isUnlimited else { return nil }
    for case .stream(let name) in follow.selectors where !rights.allows(.read, name) { return name }
    for track in tracks where !track.isDone && !rights.allows(.read, track.channel.name) { return track.channel.name }
    return nil
  }

  func askForTurn() { if !isOver { host.awaitTurn(self) } }

  /// Takes the answer of a reader thread.
  func take(_ answer: ReadAnswer) {
    guard !isOver else { return }
    switch answer {
    case .read(let results): readFinished(results)
    case .start(let handle, let result): startFound(handle, result)
    case .top(let handle, let result): topFound(handle, result)
    case .last(let handle, let result): lastFound(handle, result)
    }
  }
}

// MARK: - Modes

extension Subscription {
  /// Looks at where the track is now. A track that has reached the head is live, one at its end is done; what is behind
  /// gets a turn.
  func update(_ track: Track) {
    guard !track.isDone else { return }
    if follow.isReverse {
      if track.next <= track.bound ?? 1 { finish(track, .until) } else { current.append(track.handle) }
      return
    }
    let isAtHead = track.next > track.channel.takenHead
    let isBeyondBound = track.bound.map { track.next > $0 } ?? false
    if isBeyondBound || (isAtHead && isPastEndTime) {
      finish(track, .until)
    } else if isAtHead, track.channel.isSealed {
      finish(track, .sealed)
    } else if isAtHead {
      #if PLANTED_BUGS
        if PlantedBug.planted == .liveOffByOne, case .behind = track.mode { passOver(track) }
      #endif
      track.mode = .live
      endBackfill(track)
    } else {
      track.mode = .behind
      turns.append(track.handle)
    }
  }

  /// Ends the track: nothing more of it is delivered.
  func finish(_ track: Track, _ ending: Track.Ending) {
    track.mode = .done(ending)
    doneCount += 1
    if case .sealed = ending { sealedCount += 1 }
    endBackfill(track)
  }

  /// LIVE waits for the track.
  func beginBackfill(_ track: Track) {
    track.isBackfilling = true
    backfillCount += 1
  }

  private func endBackfill(_ track: Track) {
    guard track.isBackfilling else { return }
    track.isBackfilling = false
    backfillCount -= 1
  }

  /// The longest time between two looks at the clock: somebody may set it.
  private static let clockTrustNanoseconds: Int64 = 60 * 60 * 1_000_000_000

  /// Looks at the clock when the time wanted has come.
  func awaitEndTime() {
    guard let time = follow.end.time, !isOver, !follow.isReverse else { return }
    let (left, isFar) = time.subtractingReportingOverflow(hub.thread.wallTime)
    // It ends once the time is past, not when it is reached.
    let delay = isFar ? Self.clockTrustNanoseconds : min(max(left, 0), Self.clockTrustNanoseconds) + 1
    endCall = hub.thread.call(after: .nanoseconds(delay)) { [weak self] in
      guard let self else { return }
      // Looked at once: the time may pass between two looks.
      if isPastEndTime { endByTime() } else { awaitEndTime() }
    }
  }

  /// Called now and then.
  package func tick() {
    tellHeads()
    endByTime()
  }

  /// Looks at the clock: a subscription until a time ends when that has passed.
  private func endByTime() {
    guard !isOver, isResolved, isPastEndTime else { return }
    for track in tracks { if case .live = track.mode { update(track) } }
    settle()
  }

  /// What was stored up to the time wanted has been delivered once a stream is at its head.
  private var isPastEndTime: Bool { follow.end.time.map { hub.thread.wallTime > $0 } ?? false }
}

// MARK: - The end

extension Subscription {
  /// Sends LIVE or END when it is time for it.
  func settle() {
    guard !isOver, isResolved else { return }
    if let reason = endReason { return end(reason) }
    // It may be at its end, which has no LIVE: that is known once all streams have been looked at.
    guard backfillCount == 0, !isLive, !follow.isReverse, !hasUnseen || endOfSeen == nil else { return }
    isLive = true
    tellSkipped()
    host.tell(.live, to: self)
  }

  /// Whether streams were created that have not been looked at.
  private var hasUnseen: Bool { waitsForStreams && (untold != nil || resolver.hasUnseen) }

  /// Why the subscription is over now, if it is (`spec/session.md`, section 5.6).
  private var endReason: EndReason? {
    if remaining == 0 { return .limit }
    guard doneCount == tracks.count else { return nil }
    if follow.isReverse { return .start }
    if follow.end.atHead { return .until }
    if sealedCount == tracks.count, !tracks.isEmpty, resolver.missing.isEmpty, !resolver.hasPatterns {
      return .complete
    }
    if hasUnseen {
      // One that was created in time may be among them.
      askForTurn()
      return nil
    }
    return endOfSeen
  }

  /// Why it is over by the ends of streams, if no other stream comes.
  private var endOfSeen: EndReason? {
    guard doneCount == tracks.count else { return nil }
    if isPastEndTime { return .until }
    guard resolver.missing.isEmpty, !tracks.isEmpty else { return nil }
    return sealedCount < tracks.count || follow.end.sequence != nil ? .until : nil
  }

  /// The client wants no more.
  package func cancel() { end(.cancelled) }

  private func end(_ reason: EndReason) {
    guard !isOver else { return }
    tellSkipped()
    stop()
    host.reads.callWaiting()
    host.end(self, reason)
  }

  func refuse(_ refusal: Refusal) {
    guard !isOver else { return }
    stop()
    host.reads.callWaiting()
    host.refuse(self, refusal)
  }

  /// The host is gone: nobody receives anything anymore.
  package func abandon() {
    guard !isOver else { return }
    stop()
  }

  /// What is on its way is dropped.
  private func stop() {
    isOver = true
    for call in [endCall, skipCall, searchCall] { call?.cancel() }
    (endCall, skipCall, searchCall) = (nil, nil, nil)
    cancellation.cancel()
    hub.forget(self)
  }
}
