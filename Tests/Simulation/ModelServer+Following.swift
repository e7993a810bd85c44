import LogsWire

/// Delivering: from the disk to those that are behind, and each commit to those that are live.
extension ModelServer {
  // MARK: - Telling streams

  func begin(_ id: UInt32, _ follow: Follow, _ connection: Connection) {
    let subscription = ModelSubscription(id: id, follow: follow)
    connection.subscriptions.append(subscription)
    for stream in shown.streams where subscription.selects(stream.name) {
      guard tell(stream, subscription, connection) else { return }
    }
    for case .stream(let name) in follow.selectors where shown.stream(name) == nil {
      guard follow.cursor.contains(where: { $0.stream == name && $0.sequence > 0 }) else { continue }
      return refuse(subscription, Refusal(.cursorAhead, "\(name) does not exist"), connection)
    }
    subscription.isResolved = true
    send(connection.session.tell(id, .resolved(streamCount: UInt32(subscription.tracks.count))), connection)
    for track in subscription.tracks { update(track, subscription) }
    settle(subscription, connection)
  }

  /// - Returns: false when the subscription was refused.
  private func tell(
    _ stream: ModelDisk.Stream, _ subscription: ModelSubscription, _ connection: Connection
  ) -> Bool {
    let follow = subscription.follow
    let position: UInt64
    do { position = try subscription.position(stream) } catch {
      refuse(subscription, error, connection)
      return false
    }
    let handle = UInt32(subscription.tracks.count) + 1
    let track: ModelSubscription.Track
    if follow.isReverse {
      let top = min(stream.head, follow.end.sequence ?? stream.head)
      track = .init(stream: stream.name, handle: handle, next: top + 1, bound: position + 1)
    } else {
      let head = follow.end.atHead ? stream.head : nil
      let bound = follow.end.sequence.map { min($0, head ?? $0) } ?? head
      track = .init(stream: stream.name, handle: handle, next: position + 1, bound: bound)
    }
    subscription.tracks.append(track)
    let announcement = Announcement(
      handle: handle, isSealed: stream.isSealed, incarnation: stream.incarnation,
      position: follow.isReverse ? track.next : position, head: stream.head, stream: stream.name)
    send(connection.session.tell(subscription.id, .stream(announcement)), connection)
    return true
  }

  // MARK: - Modes

  /// Looks at where the track is now.
  private func update(_ track: ModelSubscription.Track, _ subscription: ModelSubscription) {
    guard track.mode != .done, let stream = shown.stream(track.stream) else { return }
    if subscription.follow.isReverse {
      track.mode = track.next <= (track.bound ?? 1) ? .done : .behind
      return
    }
    let early: UInt64 = defect == .switchesOneOff && stream.head > 0 ? 1 : 0
    if let bound = track.bound, track.next > bound {
      track.mode = .done
    } else if track.next > stream.head {
      track.mode = stream.isSealed ? .sealed : .live
    } else if track.mode != .live || early == 0 {
      track.mode = track.next + early > stream.head ? .live : .behind
    }
  }

  /// Tells LIVE or END when it is time for it.
  private func settle(_ subscription: ModelSubscription, _ connection: Connection) {
    guard !subscription.isOver, subscription.isResolved else { return }
    if let reason = subscription.endReason { return end(subscription, reason, connection) }
    guard !subscription.isLive, !subscription.follow.isReverse,
      subscription.tracks.allSatisfy({ $0.mode != .behind })
    else { return }
    subscription.isLive = true
    send(connection.session.tell(subscription.id, .live), connection)
  }

  func end(_ subscription: ModelSubscription, _ reason: EndReason, _ connection: Connection) {
    forget(subscription, connection)
    send(connection.session.end(subscription.id, reason), connection)
  }

  private func refuse(_ subscription: ModelSubscription, _ refusal: Refusal, _ connection: Connection) {
    forget(subscription, connection)
    send(connection.session.refuse(subscription.id, refusal), connection)
  }

  private func forget(_ subscription: ModelSubscription, _ connection: Connection) {
    subscription.isOver = true
    connection.subscriptions.removeAll { $0 === subscription }
  }

  // MARK: - Delivering

  /// A commit has added to streams.
  func publish(since before: ModelDisk) {
    for connection in connections {
      for subscription in connection.subscriptions where subscription.isResolved {
        publish(since: before, subscription, connection)
      }
      pump(connection)
    }
  }

  private func publish(since before: ModelDisk, _ subscription: ModelSubscription, _ connection: Connection) {
    let isBounded = subscription.follow.isReverse || subscription.follow.end.atHead
    for stream in shown.streams where subscription.selects(stream.name) {
      if let track = subscription.tracks.first(where: { $0.stream == stream.name }) {
        let head = before.stream(stream.name)?.head ?? 0
        guard track.mode == .live, stream.head > head else { continue }
        if defect == .switchesOneOff { track.next = head + 1 }
        if track.next != head + 1 { simulation.fail("a live track of \(stream.name) is at \(track.next), not \(head)") }
        deliver(track, through: stream.head, subscription, connection)
        update(track, subscription)
      } else if !isBounded {
        guard tell(stream, subscription, connection) else { return }
        if let track = subscription.tracks.last { update(track, subscription) }
      }
    }
    settle(subscription, connection)
  }

  /// Reads for those that are behind, one at a time for each subscription.
  func pump(_ connection: Connection) {
    for subscription in connection.subscriptions where subscription.isResolved && !subscription.isReading {
      guard subscription.tracks.contains(where: { $0.mode == .behind && mayDeliver($0, subscription, connection) })
      else { continue }
      subscription.isReading = true
      simulation.after(0...6) { [unowned self] in
        subscription.isReading = false
        guard !subscription.isOver else { return }
        read(subscription, connection)
        pump(connection)
      }
    }
  }

  private func read(_ subscription: ModelSubscription, _ connection: Connection) {
    // In reverse streams come one after the other.
    for track in subscription.tracks where track.mode == .behind {
      guard mayDeliver(track, subscription, connection), let stream = shown.stream(track.stream) else { continue }
      var last = stream.head
      if !subscription.follow.isReverse, let place = stream.place(of: track.next), simulation.chance(2) {
        last = stream.batches[min(place + simulation.draw(0...3), stream.batches.count - 1)].header.lastSequence
      }
      deliver(track, through: last, subscription, connection)
      update(track, subscription)
      if subscription.follow.isReverse { break }
    }
    settle(subscription, connection)
  }

  private func mayDeliver(
    _ track: ModelSubscription.Track, _ subscription: ModelSubscription, _ connection: Connection
  ) -> Bool {
    guard subscription.remaining != 0 else { return false }
    if connection.session.creditLeft(subscription.id) > 0 || defect == .ignoresCredit { return true }
    let wanted = subscription.follow.isReverse ? track.next - 1 : track.next
    guard let stream = shown.stream(track.stream), let place = stream.place(of: wanted) else { return false }
    return Self.isSkipped(stream.batches[place])
  }

  /// A filter that excludes some batches for everybody, so that what a follower gets can be foretold.
  static func isSkipped(_ batch: Batch) -> Bool { batch.header.check % 7 == 0 }

  /// Sends what credit and ends allow, up to `last`.
  private func deliver(
    _ track: ModelSubscription.Track, through last: UInt64, _ subscription: ModelSubscription,
    _ connection: Connection
  ) {
    guard let stream = shown.stream(track.stream) else { return }
    let isReverse = subscription.follow.isReverse
    let last = min(last, isReverse ? last : track.bound ?? last)
    while isReverse ? track.next > (track.bound ?? 1) : track.next <= last {
      let wanted = isReverse ? track.next - 1 : track.next
      guard mayDeliver(track, subscription, connection), let place = stream.place(of: wanted) else { return }
      var (from, to) = extent(
        stream.batches[place].header.firstSequence, stream.batches[place].header.lastSequence, track, last, isReverse)
      if Self.isSkipped(stream.batches[place]) {
        track.next = isReverse ? from : to + 1
        let skip = Skip(handle: track.handle, reason: .filtered, from: from, to: to)
        send(connection.session.tell(subscription.id, .skip(skip)), connection)
        continue
      }
      if defect == .hidesEntries, !isReverse, simulation.chance(20) {
        track.next += 1
        continue
      }
      let end = isReverse ? place : run(from: place, of: stream, last, connection.session.creditLeft(subscription.id))
      if !isReverse { to = min(stream.batches[end].header.lastSequence, last) }
      cut(&from, &to, stream.batches[end].header.firstSequence, subscription, isReverse)
      track.next = isReverse ? from : to + 1
      if let remaining = subscription.remaining { subscription.remaining = remaining - (to - from + 1) }
      var run = ByteWriter()
      for batch in stream.batches[place...end] where batch.header.firstSequence <= to { run.append(batch.bytes) }
      let range = BatchRange(handle: track.handle, from: from, to: to)
      send(connection.session.deliver(subscription.id, range, batches: run.finish()), connection)
    }
  }

  /// What of a batch is wanted.
  private func extent(
    _ first: UInt64, _ last: UInt64, _ track: ModelSubscription.Track, _ end: UInt64, _ isReverse: Bool
  ) -> (UInt64, UInt64) {
    isReverse ? (max(first, track.bound ?? 1), track.next - 1) : (track.next, min(last, end))
  }

  /// The last batch of a frame: all but that one fit in the credit.
  private func run(from place: Int, of stream: ModelDisk.Stream, _ last: UInt64, _ credit: Int) -> Int {
    var end = place
    var left = credit
    while end + 1 < stream.batches.count, stream.batches[end + 1].header.firstSequence <= last,
      !Self.isSkipped(stream.batches[end + 1]), simulation.chance(2)
    {
      left -= stream.batches[end].bytes.count
      if left <= 0 { break }
      end += 1
    }
    return end
  }

  /// Now and then a range ends inside a batch; and a limit ends it anywhere.
  private func cut(
    _ from: inout UInt64, _ to: inout UInt64, _ lastBatch: UInt64, _ subscription: ModelSubscription,
    _ isReverse: Bool
  ) {
    if simulation.chance(4) {
      if isReverse {
        from = UInt64(simulation.draw(Int(from)...Int(to)))
      } else {
        to = UInt64(simulation.draw(Int(max(from, lastBatch))...Int(to)))
      }
    }
    guard let remaining = subscription.remaining, to - from + 1 > remaining else { return }
    if isReverse { from = to - (remaining - 1) } else { to = from + (remaining - 1) }
  }
}
