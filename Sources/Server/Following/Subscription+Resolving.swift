internal import LogsStore
internal import LogsWire

/// Finds the streams and announces where the delivery of each starts (`spec/session.md`, sections 5.1 and 5.2).
extension Subscription {
  package func begin() {
    for position in follow.cursor { cursor[position.stream] = position }
    for name in resolver.missing.sorted() {
      if let position = cursor[name], position.sequence > 0 {
        return refuse(Self.ahead(position.sequence, of: name, incarnation: .any, head: 0))
      }
    }
    // Waits for streams from here on: the commits that create them come to the shard after this.
    if waitsForStreams { hub.await(self) }
    askForTurn()
  }

  /// Whether streams created later may be announced.
  var waitsForStreams: Bool {
    !follow.end.atHead && !follow.isReverse && (resolver.hasPatterns || !resolver.missing.isEmpty)
  }

  /// Whether the next stream's place is looked up by its time.
  private var looksUpPlaces: Bool {
    guard !isResolved else { return false }
    switch follow.start {
    case .since: return true
    case .last: if filter != nil { return true }
    case .first, .now, .from: break
    }
    return follow.isReverse && follow.end.time != nil
  }

  /// How many look-ups of starts may be under way at once.
  private static let lookUpCountMax = 4

  /// Announces the streams as they are found, as fast as the socket takes them; continues where it stopped.
  func tellStreams(_ turn: inout Turn) {
    while !isOver, !isResolved || waitsForStreams {
      if let info = untold {
        guard unresolvedCount < Self.lookUpCountMax, host.hasRoom(for: self),
          !looksUpPlaces || host.reads.hasRoom(for: self)
        else { return }
        guard !turn.isOver else { return askForTurn() }
        turn.spend(.stream)
        untold = nil
        if isResolved { appeared(info) } else { open(info) }
        continue
      }
      switch isResolved ? resolver.nextBorn(&turn) : resolver.next(&turn) {
      case .stream(let info): untold = info
      case .later: return askForTurn()
      case .done:
        guard !isResolved, unresolvedCount == 0 else { return }
        resolved()
      }
    }
  }

  private func resolved() {
    isResolved = true
    cursor = [:]
    host.tell(.resolved(streamCount: UInt32(tracks.count)), to: self)
    for track in tracks { beginBackfill(track) }
    // In reverse one stream comes after the other, as they were announced.
    if follow.isReverse {
      for track in tracks where track.next <= track.bound ?? 1 { finish(track, .until) }
      turns = turns.filter { !tracks[Int($0)].isDone }[...]
    } else {
      for track in tracks { update(track) }
      if remaining != nil, !turns.isEmpty {
        let first = turns.startIndex + LimitShare.firstTurn(of: turns.count, cursor: follow.cursor)
        turns = turns[first...] + turns[..<first]
      }
    }
    settle()
    awaitEndTime()
  }

  /// Adds a stream that was created later: all of it, from number 1 on.
  private func appeared(_ info: StreamInfo) {
    resolver.appeared(info.name)
    // What is still to be said about the former one, and that it ends the subscription, comes first.
    guard !hub.isFollowingFormer(of: info, self) else { return }
    guard let track = newTrack(info) else { return }
    track.bound = follow.end.sequence
    announce(track, position: 0, head: info.head)
    update(track)
  }

  /// Decides where the delivery of a stream starts.
  private func open(_ info: StreamInfo) {
    let position: UInt64
    if let cursor = cursor[info.name] {
      if cursor.incarnation != .any, cursor.incarnation != info.incarnation { return refuse(Self.replaced(info)) }
      position = cursor.sequence
    } else {
      switch follow.start {
      case .first: position = 0
      case .now: position = info.head
      case .last(let count) where filter != nil && count > 0 && info.head > 0:
        guard let track = newTrack(info) else { return }
        track.headAtBeginning = info.head
        return findLast(count, of: track)
      case .last(let count): position = info.head - min(count, info.head)
      case .from(let sequence): position = sequence - 1
      case .since(let time):
        guard let track = newTrack(info) else { return }
        unresolvedCount += 1
        track.headAtBeginning = info.head
        return hub.findStart(of: track, atOrAfter: time)
      }
    }
    if position > info.head {
      return refuse(Self.ahead(position, of: info.name, incarnation: info.incarnation, head: info.head))
    }
    if let track = newTrack(info) { start(track, after: position, head: info.head) }
  }

  /// The answer to a look-up.
  func startFound(_ handle: UInt32, _ result: Result<UInt64, StoreError>) {
    switch result {
    case .failure(let error): readFailed(error, tracks[Int(handle)])
    case .success(let sequence):
      unresolvedCount -= 1
      let track = tracks[Int(handle)]
      // After everything, when there is no such entry yet; what was stored since the beginning counts as existing.
      start(track, after: max(sequence, 1) - 1, head: max(track.headAtBeginning, max(sequence, 1) - 1))
      askForTurn()
    }
  }

  /// Delivery of `track` starts after `position`; in reverse, it ends there.
  ///
  /// - Parameter head: the stream's last number when the subscription began.
  func start(_ track: Track, after position: UInt64, head: UInt64) {
    guard !follow.isReverse else { return startReverse(track, downTo: position, head: head) }
    track.next = position + 1
    track.bound = follow.end.atHead ? min(follow.end.sequence ?? head, head) : follow.end.sequence
    announce(track, position: position, head: head)
  }

  private func startReverse(_ track: Track, downTo position: UInt64, head: UInt64) {
    track.bound = position + 1
    track.headAtBeginning = head
    let top = min(follow.end.sequence ?? head, head)
    guard let time = follow.end.time, top > position else { return startReverse(track, from: top) }
    unresolvedCount += 1
    hub.findTop(of: track, atOrBefore: time, in: position + 1...top)
  }

  /// The answer to a look-up of where to begin in reverse.
  func topFound(_ handle: UInt32, _ result: Result<UInt64?, StoreError>) {
    switch result {
    case .failure(let error): readFailed(error, tracks[Int(handle)])
    case .success(let top):
      unresolvedCount -= 1
      startReverse(tracks[Int(handle)], from: top ?? 0)
      askForTurn()
    }
  }

  private func startReverse(_ track: Track, from top: UInt64) {
    track.next = max(top + 1, track.bound ?? 1)
    turns.append(track.handle)
    announce(track, position: track.next, head: track.headAtBeginning)
  }

  private func announce(_ track: Track, position: UInt64, head: UInt64) {
    let channel = track.channel
    track.mode = .behind
    host.tell(
      .stream(
        Announcement(
          handle: track.handle, isSealed: channel.isSealed, incarnation: channel.incarnation, position: position,
          head: head, stream: channel.name, isSearchCut: track.isSearchCut)), to: self)
  }

  private static func replaced(_ info: StreamInfo) -> Refusal {
    Refusal(
      .streamReplaced,
      """
      stream '\(info.name)' is not the one the cursor was taken from: its history was replaced or it was created anew; \
      start without the cursor to read it
      """,
      stream: .init(name: info.name.text, incarnation: info.incarnation, head: info.head))
  }

  private static func ahead(_ sequence: UInt64, of name: StreamName, incarnation: Incarnation, head: UInt64) -> Refusal
  {
    Refusal(
      .cursorAhead,
      """
      sequence number \(sequence) of stream '\(name)' lies beyond its last one, \(head): the server's data is older \
      than the cursor, or another server's; start without the cursor to read it
      """,
      stream: .init(name: name.text, incarnation: incarnation, head: head))
  }

  /// - Parameter isRetryable: whether it was not announced yet, so that to ask again is to ask for what there is now.
  static func deleted(_ name: StreamName, isRetryable: Bool = false) -> Refusal {
    Refusal(
      .streamReplaced,
      "stream '\(name)' was deleted while it was followed; start without its cursor to follow what comes",
      isRetryable: isRetryable, stream: .init(name: name.text, incarnation: .any, head: 0))
  }

  static func unreadable(_ error: StoreError, _ name: StreamName) -> Refusal {
    switch error.code {
    case .unknownStream: return deleted(name)
    case .filterTooCostly:
      return Refusal(
        .filterTooCostly, error.message, limit: .init("regex-match", UInt64(Limits.regexMatchMax)))
    case .undecodable: return Refusal(.internalError, error.message)
    default: break
    }
    return Refusal(.storageFailed, "reading failed: \(error)", isRetryable: true)
  }
}
