internal import LogsStore
internal import LogsWire

/// Delivers a stream's entries to the client, from the store or from a commit.
extension Subscription {
  /// Stored bytes in one BATCH frame, unless a single batch is larger.
  private static let frameByteCount = 256 << 10
  /// How many streams have their turn at once, and may be answered by one read: waking a reader thread, and being woken
  /// by it, costs as much as reading a small stream.
  private static let turnCountMax = 32
  /// With less room than this, or for fewer entries, a dictionary would take more than it saves.
  static let dictionaryUseMin = (byteCount: 64 << 10, entryCount: 1_000 as UInt64)

  /// A commit brought entries to a stream. Those that are behind will read them.
  func offer(_ run: CommittedRun, to track: Track) {
    guard !isOver, case .live = track.mode else { return }
    if run.last >= track.next {
      precondition(run.first <= track.next, "commits reach a shard in order")
      switch forecast(run, track) {
      case .all:
        let given = host.takesDictionaries ? hub.liveDictionaries.run(run, for: track) : run.run
        guard deliver(given, from: track.next, to: run.last, track) else { return }
      case .none: skipFiltered(track.next...run.last, track)
      case .some: break
      }
    }
    update(track)
    settle()
    // What did not fit is read from the store, once there is room.
    pump()
  }

  /// Asks for a turn if there is something to be done in it.
  package func pump() {
    guard !isResolved || (!isReading && !(current.isEmpty && turns.isEmpty)) else { return }
    askForTurn()
  }

  /// Feeds streams that are behind, each in its turn, for as long as credit and socket have room.
  func feed(_ turn: inout Turn) {
    while !isOver, !isReading, canDeliver, beginTurns() {
      if turn.isOver { return askForTurn() }
      let requests = deliverCached(&turn)
      guard !requests.isEmpty else { continue }
      guard filter != nil && hub.isShared(requests) || host.reads.hasRoom(for: self) else { return }
      isReading = true
      readWindowByteCount = host.windowByteCount
      hub.read(requests, for: self)
    }
  }

  /// Gives a turn to as many streams as may be read at once.
  ///
  /// - Returns: whether any stream has a turn.
  private func beginTurns() -> Bool {
    // In reverse one stream comes after the other.
    let countMax = follow.isReverse ? 1 : Self.turnCountMax
    while current.count < countMax, let handle = turns.popFirst() { current.append(handle) }
    return !current.isEmpty
  }

  /// Delivers what memory holds of the first streams whose turn it is.
  ///
  /// - Returns: what must be read for those after them, up to the next one that is in memory: it must not come before
  ///   its turn, or streams that are in memory could keep the others waiting forever.
  private func deliverCached(_ turn: inout Turn) -> [ReadRequest] {
    var requests: [ReadRequest] = []
    // How much of the limit the requests may use.
    var requestedCount: UInt64 = 0
    while requests.count < current.count {
      let unshared = remaining.map { $0 - requestedCount }
      if unshared == 0 { break }
      let track = tracks[Int(current[requests.count])]
      let request = request(track, unshared, turnCount: current.count - requests.count + turns.count)
      if requests.isEmpty, let result = hub.source.readCached(request) {
        current.removeFirst()
        turn.spend(.delivery(byteCount: result.byteCount))
        apply(result, to: track)
        guard !isOver, !turn.isOver, canDeliver else { break }
      } else if !requests.isEmpty, hub.source.isCached(request) {
        break
      } else {
        requests.append(request)
        if unshared != nil { requestedCount += min(request.countMax ?? .max, request.to + 1 - request.from) }
      }
    }
    return requests
  }

  /// Whether a batch may be sent now. If the socket is what is full, a turn comes when it has room; credit resumes the
  /// subscription by itself.
  private var canDeliver: Bool {
    // Once for both: an unowned reference is checked each time.
    let host = host
    return host.creditLeft(self) > 0 && host.hasRoom(for: self)
  }

  /// What one frame may hold: what is read beyond the credit would have to be read again.
  var frameByteCountMax: Int {
    min(Self.frameByteCount, host.windowByteCount, host.creditLeft(self))
  }

  /// What a stream that is behind may be given in its turn.
  ///
  /// - Parameters:
  ///   - unshared: the unused part of the limit.
  ///   - turnCount: streams that are to share it.
  private func request(_ track: Track, _ unshared: UInt64?, turnCount: Int) -> ReadRequest {
    var byteCountMax = frameByteCountMax
    // Equal requests of subscriptions with equal filters are read once.
    if filter != nil { byteCountMax = 1 << (Int.bitWidth - 1 - max(byteCountMax, 1).leadingZeroBitCount) }
    let takesDictionaries =
      host.takesDictionaries && byteCountMax >= Self.dictionaryUseMin.byteCount
      && unshared ?? .max >= Self.dictionaryUseMin.entryCount
    if follow.isReverse {
      return ReadRequest(
        stream: track.channel.id, from: track.bound ?? 1, to: track.next - 1, byteCountMax: byteCountMax,
        isReverse: true, filter: filter, countMax: unshared, takesDictionaries: takesDictionaries)
    }
    return ReadRequest(
      stream: track.channel.id, from: track.next, to: min(track.bound ?? .max, track.channel.takenHead),
      byteCountMax: byteCountMax, filter: filter,
      countMax: unshared.map { LimitShare.entryCount(of: $0, turnCount: turnCount) },
      takesDictionaries: takesDictionaries)
  }

  /// Takes the answer to a read: the results for the first streams whose turn it is.
  func readFinished(_ results: [Result<ReadResult, StoreError>]) {
    for result in results {
      // Results without room are read again later: these streams keep their turns. So is what was asked for when more
      // could be queued: a part of it would keep all of it in memory.
      guard !isOver, canDeliver, host.windowByteCount >= readWindowByteCount else { break }
      let track = tracks[Int(current.removeFirst())]
      switch result {
      case .failure(let error): readFailed(error, track)
      case .success(let result): apply(result, to: track)
      }
    }
    isReading = false
    pump()
  }

  /// A read or a look-up has failed. A stream that is not there any more was deleted: the commit that says so is on its
  /// way to this shard, and ends the subscription after what was missed (`streamDeleted`).
  func readFailed(_ error: StoreError, _ track: Track) {
    if error.code != .unknownStream { refuse(Self.unreadable(error, track.channel.name)) }
  }

  /// Tells of entries that there are no more.
  private func tell(_ skip: Skip) {
    hub.counters.skippedEntries.add(Int(clamping: skip.to - skip.from + 1), "\(skip.reason)")
    host.tell(.skip(skip), to: self)
  }

  private func apply(_ result: ReadResult, to track: Track) {
    for piece in result.pieces {
      // Credit or socket may have filled up on the way; the rest is read again later.
      guard !track.isDone, canDeliver else { break }
      switch piece {
      case .batches(let run):
        guard deliver(run, from: run.first, to: run.last, track) else { return }
      case .skip(let numbers, .filtered): skipFiltered(numbers, track)
      case .skip(let numbers, let reason):
        tellSkipped(track)
        let (from, to) = (numbers.lowerBound, numbers.upperBound)
        tell(Skip(handle: track.handle, reason: reason, from: from, to: to))
        track.next = follow.isReverse ? from : to + 1
      }
    }
    update(track)
    settle()
  }

  /// Sends what `from` to `to` allows, as far as ends, credit and socket allow it, and moves `track.next` past it.
  ///
  /// - Returns: false when the subscription is over.
  private func deliver(_ run: Run, from: UInt64, to: UInt64, _ track: Track) -> Bool {
    var from = from
    var to = to
    var isCutByTime = false
    do throws(WireDecodingError) {
      if let bound = track.bound, !follow.isReverse { to = min(to, bound) }
      // In reverse, the time determines where to begin.
      if let time = follow.end.time, !follow.isReverse {
        let cut = try BatchCut.last(of: run, from: from, to: to, notAfter: time, decoder: &hub.decoder)
        isCutByTime = cut.isCut
        guard let last = cut.to else {
          finish(track, .until)
          return true
        }
        to = last
      }
      if let remaining {
        let wanted = try BatchCut.limit(
          run, to: from...to, countMax: remaining, isReverse: follow.isReverse, decoder: &hub.decoder)
        // Entries before the time's end that the limit leaves out are no reason to end the track.
        isCutByTime = isCutByTime && wanted == from...to
        (from, to) = (wanted.lowerBound, wanted.upperBound)
      }
      tellSkipped(track)
      var offset = 0
      while from <= to, canDeliver,
        let piece = try BatchCut.next(
          of: run.batches, at: &offset, from: from, to: to, byteCountMax: frameByteCountMax)
      {
        let count = try BatchCut.entryCount(
          of: Run(piece.from...piece.to, piece.batches, run.dictionary), decoder: &hub.decoder)
        if let dictionary = run.dictionary { host.introduce(dictionary) }
        hub.counters.deliveredEntries.add(Int(count))
        hub.counters.deliveredBytes.add(piece.batches.count)
        host.deliver(
          BatchRange(handle: track.handle, from: piece.from, to: piece.to), batches: piece.batches, to: self)
        from = piece.to + 1
        // In reverse a run is one batch.
        track.next = follow.isReverse ? piece.from : from
        if let remaining { self.remaining = remaining - count }
      }
    } catch {
      refuse(Refusal(.internalError, "stream '\(track.channel.name)' holds a batch that cannot be read: \(error)"))
      return false
    }
    // The time's end counts once everything before it is delivered.
    if isCutByTime, from > to { finish(track, .until) }
    if remaining == 0 { settle() }
    return !isOver
  }

  /// A stream is gone. The subscription ends: what follows under the name is another stream.
  func streamDeleted(_ stream: StreamInfo, _ track: Track) {
    // A page has what it wanted once it is delivered.
    let isPage = follow.isReverse || follow.end.atHead
    guard !isOver, !(track.isDone && isPage) else { return }
    if isResolved, !track.isDone {
      let (from, to) =
        follow.isReverse
        ? (track.bound ?? 1, track.next - 1) : (track.next, min(track.bound ?? .max, stream.head))
      tellSkipped(track)
      if from <= to {
        tell(Skip(handle: track.handle, reason: .deleted, from: from, to: to))
      }
    }
    refuse(Self.deleted(stream.name))
  }

  /// Says how far the streams go by now that are behind, those that are fed next first.
  func tellHeads() {
    guard !isOver, isResolved, !follow.isReverse, host.hasRoom(for: self) else { return }
    let behind = (current + turns.prefix(Limits.headCountMax)).prefix(Limits.headCountMax)
    guard !behind.isEmpty else { return }
    let heads = behind.map { StreamHead(handle: $0, head: tracks[Int($0)].channel.takenHead) }
    host.tell(.heads(heads), to: self)
  }
}
