internal import LogsStore
internal import LogsWire

/// Finding the streams and telling where the delivery of each starts (`spec/session.md`, sections 5.1 and 5.2).
extension Subscription {
  func begin() {
    for position in follow.cursor { cursor[position.stream] = position }
    for name in resolver.missing.sorted() {
      if let position = cursor[name], position.sequence > 0 {
        return refuse(Self.ahead(position.sequence, of: name, incarnation: .any, head: 0))
      }
    }
    // Waits for streams from here on: the commits that make them come to the shard after this.
    if !follow.end.atHead, !follow.isReverse, !resolver.missing.isEmpty || resolver.hasPatterns { hub.await(self) }
    resolve()
  }

  /// Look-ups of starts under way at once.
  private static let lookUpCountMax = 4

  /// Tells the streams, as fast as the socket takes them and a slice of names a turn; goes on where it stopped.
  func resolve() {
    while !isOver, !isResolved {
      if let info = untold {
        guard connection.hasRoom(for: self), unresolvedCount < Self.lookUpCountMax else { return }
        untold = nil
        open(info)
        continue
      }
      switch resolver.next() {
      case .stream(let info): untold = info
      case .later: return connection.resumeLater(self)
      case .done:
        guard unresolvedCount == 0 else { return }
        resolved()
      }
    }
  }

  private func resolved() {
    isResolved = true
    cursor = [:]
    connection.tell(id, .resolved(streamCount: UInt32(tracks.count)))
    for track in tracks { joinBacklog(track) }
    // In reverse one stream comes after the other, as they were told.
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
    pump()
  }

  /// Takes in a stream that has come into being, if it is selected: everything of it, from number 1 on.
  func appeared(_ info: StreamInfo) {
    guard !isOver, resolver.appeared(info) else { return }
    guard let track = newTrack(info) else { return }
    track.bound = follow.end.sequence
    announce(track, position: 0, head: info.head)
    guard isResolved else { return }
    update(track)
    pump()
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
      case .last(let count): position = info.head - min(count, info.head)
      case .from(let sequence): position = sequence - 1
      case .since(let time):
        guard let track = newTrack(info) else { return }
        unresolvedCount += 1
        track.headAtBeginning = info.head
        return connection.findSequence(atOrAfter: time, for: self, track)
      }
    }
    if position > info.head {
      return refuse(Self.ahead(position, of: info.name, incarnation: info.incarnation, head: info.head))
    }
    if let track = newTrack(info) { start(track, after: position, head: info.head) }
  }

  /// The answer to a look-up.
  func startFound(_ handle: UInt32, _ result: Result<UInt64, StoreError>) {
    guard !isOver else { return }
    switch result {
    case .failure(let error): refuse(Self.unreadable(error))
    case .success(let sequence):
      unresolvedCount -= 1
      let track = tracks[Int(handle)]
      // Behind everything, when there is no such entry yet; what was stored since the beginning counts as there.
      start(track, after: max(sequence, 1) - 1, head: max(track.headAtBeginning, max(sequence, 1) - 1))
      resolve()
    }
  }

  /// Delivery of `track` starts after `position`; in reverse, it ends there.
  ///
  /// - Parameter head: the stream's last number when the subscription began.
  private func start(_ track: Track, after position: UInt64, head: UInt64) {
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
    connection.findSequence(atOrBefore: time, in: position + 1...top, for: self, track)
  }

  /// The answer to a look-up of where to begin in reverse.
  func topFound(_ handle: UInt32, _ result: Result<UInt64?, StoreError>) {
    guard !isOver else { return }
    switch result {
    case .failure(let error): refuse(Self.unreadable(error))
    case .success(let top):
      unresolvedCount -= 1
      startReverse(tracks[Int(handle)], from: top ?? 0)
      resolve()
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
    connection.tell(
      id,
      .stream(
        Announcement(
          handle: track.handle, isSealed: channel.isSealed, incarnation: channel.incarnation, position: position,
          head: head, stream: channel.name)))
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
      sequence number \(sequence) of stream '\(name)' lies beyond its last one, \(head): the server's data is older than \
      the cursor, or another server's; start without the cursor to read it
      """,
      stream: .init(name: name.text, incarnation: incarnation, head: head))
  }

  static func unreadable(_ error: StoreError) -> Refusal {
    Refusal(.storageFailed, "reading failed: \(error)", isRetryable: true)
  }
}
