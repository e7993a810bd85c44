import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// Readers take the place of the buffers.
extension VirtualClient {
  func follow(_ terms: SubscriptionTerms, limits: FollowLimits, key: UInt64, reader: ModelReader) {
    readers[key] = reader
    subscriptions.begin(key, terms, limits: limits, window: reader.window)
    start()
    carryOutFollows()
  }

  /// The application has taken batches.
  func taken(_ byteCount: Int, key: UInt64) {
    subscriptions.taken(byteCount, key: key)
    carryOutFollows()
  }

  func carryOutFollows() {
    while let action = subscriptions.nextAction() {
      switch action {
      case .ask(var follow, let place):
        if defect == .resumesOneOff {
          for index in follow.cursor.indices { follow.cursor[index].sequence += 1 }
        }
        let (id, frame) = session.follow(follow)
        send(frame)
        subscriptions.asked(place, id: id)
      case .credit(let id, let total): if let frame = session.credit(id, total: total) { send(frame) }
      case .cancel(let id): if let frame = session.cancel(id) { send(frame) }
      case .tell(let key, let event):
        checkMemory(key)
        readers[key]?.add(event)
      case .finish(let key, let error): if let error { failed(key, error) }
      }
    }
  }

  private func failed(_ key: UInt64, _ error: LogError) {
    let isAboutNumbers = [.refused(.cursorAhead), .refused(.streamReplaced)].contains(error.code)
    if isAboutNumbers, let reader = readers[key], !reader.goesOnWithoutStreams,
      checker.server.disk.streams.contains(where: { $0.isDeleted && reader.selects($0.name) })
    {
      return reader.startOver()
    }
    checker.violate(isAboutNumbers ? .order : .exactSwitch, "\(readers[key]?.name ?? name) is given up: \(error)")
  }

  /// P5: a stream that is deleted while it is followed ends a subscription after what was missed of it. The watch of a
  /// divided one delivers nothing, and may hear of it before the part that does.
  func checkDeletion(_ id: UInt32, _ refusal: Refusal) {
    guard refusal.code == .streamReplaced, !refusal.isRetryable, let gone = refusal.stream, gone.incarnation == .any,
      let place = subscriptions.places[id], let progress = subscriptions.subscriptions[place.key]?.progress,
      progress.parts[place.part].isResolved, progress.parts[place.part].role != .watch,
      let track = progress.tracks[StreamName(stored: gone.name)],
      let stream = checker.server.disk.stream(track.incarnation)
    else { return }
    let isTold = progress.isReverse || track.target != nil ? progress.isReached(track) : track.position == stream.head
    if !stream.isDeleted || !isTold {
      checker.violate(.noSilentGap, "\(name) does not learn what it missed of \(stream.name) behind \(track.position)")
    }
  }

  /// A stream that a part of a divided subscription follows, of which its watch hears that it was deleted.
  struct FollowedElsewhere {
    let key: UInt64
    let stream: StreamName
    let track: SubscriptionProgress.Track
  }

  func followedElsewhere(_ id: UInt32, _ refusal: Refusal) -> FollowedElsewhere? {
    guard refusal.code == .streamReplaced, !refusal.isRetryable, let gone = refusal.stream, gone.incarnation == .any,
      let place = subscriptions.places[id], let progress = subscriptions.subscriptions[place.key]?.progress,
      progress.parts[place.part].role == .watch, let track = progress.tracks[StreamName(stored: gone.name)]
    else { return nil }
    let stream = StreamName(stored: gone.name)
    let isFollowed = progress.parts.contains { part in
      part.role == .names && part.isOpen && part.handles.values.contains(stream)
    }
    return isFollowed ? FollowedElsewhere(key: place.key, stream: stream, track: track) : nil
  }

  /// P5: the watch of a divided subscription delivers nothing, so it is not what ends it: the part that follows the
  /// stream says what was missed.
  func checkPatience(_ followed: FollowedElsewhere) {
    let track = subscriptions.subscriptions[followed.key]?.progress.tracks[followed.stream]
    guard track?.incarnation != followed.track.incarnation else { return }
    checker.violate(
      .noSilentGap, "\(name) gives up \(followed.stream) behind \(followed.track.position) before all is reported")
  }

  /// P7: one batch may overdraw; a second one must not be sent.
  func checkCredit(_ id: UInt32, _ delivery: ClientSession.Delivery) {
    guard let place = subscriptions.places[id], let subscription = subscriptions.subscriptions[place.key] else {
      return
    }
    let part = subscription.progress.parts[place.part]
    let others = delivery.batches.dropLast().reduce(0) { $0 + $1.bytes.count }
    guard part.creditLeft == 0 || others > part.creditLeft else { return }
    checker.violate(.slowIsSafe, "\(name) is sent \(delivery.byteCount) bytes with a credit of \(part.creditLeft)")
  }

  /// P7: the bytes that wait for a slow application. Each part may overdraw by a batch, and what it has sent waits also
  /// when it has ended.
  private func checkMemory(_ key: UInt64) {
    guard let subscription = subscriptions.subscriptions[key] else { return }
    let most = subscription.window + max(subscription.progress.parts.count, 1) * BatchPool.byteCountMax
    if subscription.waitingByteCount > most {
      checker.violate(.slowIsSafe, "\(name) holds \(subscription.waitingByteCount) bytes for a reader, not \(most)")
    }
  }
}
