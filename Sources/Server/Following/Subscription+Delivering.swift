internal import LogsStore
internal import LogsWire

/// Bringing a stream's entries to the client, from the store or from a commit.
extension Subscription {
  /// Stored bytes in one BATCH frame, unless a single batch is larger.
  private static let frameByteCount = 256 << 10

  /// A commit brought entries to a stream. Those that are behind will read them.
  func offer(_ run: CommittedRun, to track: Track) {
    guard !isOver, case .live = track.mode else { return }
    if run.last >= track.next {
      precondition(run.first <= track.next, "commits reach a shard in order")
      guard deliver(run.batches, from: track.next, to: run.last, track) else { return }
    }
    update(track)
    settle()
    // What did not fit is read from the store, once there is room.
    pump()
  }

  /// Feeds streams that are behind, one read each in turn, for as long as credit and socket have room.
  func pump() {
    guard isResolved else { return resolve() }
    while !isOver, !isReading, connection.canDeliver(self), let handle = current ?? turns.popFirst() {
      current = handle
      let track = tracks[Int(handle)]
      let request = ReadRequest(
        stream: track.channel.id, from: follow.isReverse ? track.bound ?? 1 : track.next,
        to: follow.isReverse ? track.next - 1 : lastOfTurn(track), byteCountMax: Self.frameByteCount,
        isReverse: follow.isReverse)
      if let result = hub.store.readCached(request) {
        apply(result, to: track)
      } else if connection.read(request, for: self) {
        isReading = true
      } else {
        return
      }
    }
  }

  /// The last number that a stream which is behind may be given in this turn.
  private func lastOfTurn(_ track: Track) -> UInt64 {
    let last = min(track.bound ?? .max, track.channel.takenHead)
    guard let remaining, last >= track.next else { return last }
    let share = LimitShare.entryCount(of: remaining, turnCount: turns.count + 1)
    return track.next + (min(share, last - track.next + 1) - 1)
  }

  /// The answer to a read.
  func readFinished(_ result: Result<ReadResult, StoreError>) {
    isReading = false
    guard !isOver, let handle = current else { return }
    switch result {
    case .failure(let error): refuse(Self.unreadable(error))
    case .success(let result):
      apply(result, to: tracks[Int(handle)])
      pump()
    }
  }

  private func apply(_ result: ReadResult, to track: Track) {
    current = nil
    for piece in result.pieces {
      // Credit or socket may have filled up on the way; the rest is read again later.
      guard !track.isDone, connection.canDeliver(self) else { break }
      switch piece {
      case .batches(let from, let to, let batches):
        guard deliver(batches, from: from, to: to, track) else { return }
      case .skip(let from, let to, let reason):
        connection.tell(id, .skip(Skip(handle: track.handle, reason: reason, from: from, to: to)))
        track.next = follow.isReverse ? from : to + 1
      }
    }
    update(track)
    settle()
  }

  /// Sends what `from` to `to` allows, as far as ends, credit and socket allow it, and moves `track.next` past it.
  ///
  /// - Returns: false when the subscription is over.
  private func deliver(_ run: Bytes, from: UInt64, to: UInt64, _ track: Track) -> Bool {
    var from = from
    var to = to
    var isCutByTime = false
    do throws(DecodingError) {
      if let bound = track.bound, !follow.isReverse { to = min(to, bound) }
      if let time = follow.end.time {
        let cut = try BatchCut.last(of: run, from: from, to: to, notAfter: time, decoder: &hub.decoder)
        isCutByTime = cut.isCut
        guard let last = cut.to else {
          finish(track, .until)
          return true
        }
        to = last
      }
      if let remaining {
        let wanted = min(remaining, to - from + 1)
        // Entries before the time's end that the limit leaves out are no reason to end the track.
        isCutByTime = isCutByTime && wanted == to - from + 1
        if follow.isReverse { from = to - (wanted - 1) } else { to = from + (wanted - 1) }
      }
      var offset = 0
      while from <= to, connection.canDeliver(self),
        let piece = try BatchCut.next(
          of: run, at: &offset, from: from, to: to, byteCountMax: min(Self.frameByteCount, connection.creditLeft(id)))
      {
        connection.deliver(
          id, BatchRange(handle: track.handle, from: piece.from, to: piece.to), batches: piece.batches)
        from = piece.to + 1
        // In reverse a run is one batch.
        track.next = follow.isReverse ? piece.from : from
        if let remaining { self.remaining = remaining - (piece.to - piece.from + 1) }
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
}
