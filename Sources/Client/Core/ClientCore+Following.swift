internal import LogsTransport
internal import LogsWire

/// A subscription and the connection's part of it.
///
/// A class, since a copy for each look into a dictionary would cost more than all that is done with a batch.
final class ActiveFollow {
  var state: FollowState
  let buffer: FollowBuffer
  /// Whether this connection has been asked.
  var isAsked = false
  /// The requests that are open on this connection, by their numbers in `state`.
  var parts: [Int: OpenPart] = [:]
  /// Whether the application has been told of an interruption and not yet of its end.
  var isInterrupted = false
  /// Refusals since it last made progress: entries came, or it was live for a while. That the server takes it up is none: it
  /// does so before it has read anything.
  var refusalCount = 0
  /// Asks again after a refusal. Ends with whatever asks before it: the next refusal has a wait of its own.
  var retryTimer: LoopTimer?
  /// Since when there is nothing left to deliver, on this connection.
  var liveSince: MonotonicTime?
  /// Stored bytes that the application has not taken yet.
  var waitingByteCount = 0
  /// Stored bytes that the server may still send on this connection, all parts together.
  private var creditByteCount = 0
  /// The part whose turn it is to be given credit.
  private var turn = 0

  init(state: FollowState, buffer: FollowBuffer) {
    self.state = state
    self.buffer = buffer
  }

  /// There is no request on this connection.
  func reset() {
    parts = [:]
    creditByteCount = 0
    isAsked = false
    liveSince = nil
  }

  func open(_ number: Int, isWatch: Bool) { parts[number] = OpenPart(isWatch: isWatch) }

  func close(_ number: Int) {
    guard let part = parts.removeValue(forKey: number) else { return }
    creditByteCount -= part.creditLeft
  }

  /// Entries have come.
  func received(_ byteCount: Int, part number: Int) {
    guard let part = parts[number] else { return }
    parts[number]?.receivedByteCount += UInt64(byteCount)
    creditByteCount -= min(part.creditLeft, byteCount)
  }

  /// Parts in the order in which they get what credit there is: each comes first in its turn.
  func nextTurns() -> [Int] {
    let numbers = parts.keys.sorted()
    let first = numbers.firstIndex { $0 > turn } ?? 0
    if numbers.count > 1 { turn = numbers[first] }
    return Array(numbers[first...] + numbers[..<first])
  }

  /// Raises what the server may send on a part, so that no more than `window` waits here or is on its way, all parts together.
  ///
  /// Only one part: all of the window. Several share half of it, so that those which have nothing to send do not keep the
  /// others from sending when the rest waits here.
  /// - Returns: the new total; nil when it stays.
  func raise(_ number: Int, window: Int) -> UInt64? {
    guard let part = parts[number], !part.isWatch else { return nil }
    let share = state.isDivided ? max(window / 2 / state.partCountMax, 1) : window
    // One part is told of whatever the application takes, which is told in larger pieces already.
    guard !state.isDivided || part.creditLeft <= share / 2 else { return nil }
    let room = max(window - waitingByteCount - creditByteCount, 0)
    let credit = min(share, part.creditLeft + room)
    guard credit > part.creditLeft else { return nil }
    creditByteCount += credit - part.creditLeft
    let total = part.receivedByteCount + UInt64(credit)
    parts[number]?.creditTotal = total
    return total
  }
}

/// A request that is open on this connection.
struct OpenPart {
  var id: UInt32 = 0
  let isWatch: Bool
  var receivedByteCount: UInt64 = 0
  /// What the server was told it may send in all.
  var creditTotal: UInt64 = 0

  /// Stored bytes that the server may still send; it may have overdrawn by one batch.
  var creditLeft: Int { creditTotal > receivedByteCount ? Int(creditTotal - receivedByteCount) : 0 }
}

/// Which part of which follow a request of the connection is.
struct FollowPlace {
  let key: UInt64
  let part: Int
}

// MARK: - The application

extension ClientCore {
  private var window: Int { configuration.followCreditByteCount }

  func follow(_ request: FollowRequest, buffer: FollowBuffer, key: UInt64) {
    guard !isClosed, !isShuttingDown else { return buffer.finish(throwing: .closed) }
    follows[key] = ActiveFollow(
      state: FollowState(request, limits: configuration.followLimits), buffer: buffer)
    start()
    self.request(key)
  }

  /// The application has taken batches.
  func taken(_ byteCount: Int, key: UInt64) {
    follows[key]?.waitingByteCount -= byteCount
    for part in follows[key]?.nextTurns() ?? [] { raiseCredit(key, part) }
  }

  /// The application wants no more.
  func endFollow(_ key: UInt64) {
    forget(key)?.finish()
  }

  private func forget(_ key: UInt64) -> FollowBuffer? {
    cancelParts(key)
    endRetry(key)
    return follows.removeValue(forKey: key)?.buffer
  }

  /// Gives up what was asked for on this connection.
  private func cancelParts(_ key: UInt64) {
    for part in (follows[key]?.parts ?? [:]).values.sorted(by: { $0.id < $1.id }) {
      followPlaces[part.id] = nil
      link?.cancel(part.id)
    }
    follows[key]?.reset()
  }

  /// Ends a subscription in good order.
  func end(_ key: UInt64, _ reason: EndReason) {
    guard let buffer = forget(key) else { return }
    buffer.append(.ended(reason))
    buffer.finish()
  }

  func fail(_ key: UInt64, _ error: LogError) {
    forget(key)?.finish(throwing: error)
  }
}

// MARK: - The connection

extension ClientCore {
  /// Asks for a subscription, from where it stands.
  func request(_ key: UInt64) {
    guard openLink != nil, follows[key]?.isAsked == false else { return }
    endRetry(key)
    follows[key]?.isAsked = true
    follows[key]?.state.begin()
    requestParts(key)
  }

  /// Asks for what is to be asked for now.
  private func requestParts(_ key: UInt64) {
    guard let link = openLink, follows[key]?.isAsked == true else { return }
    if follows[key]?.state.isScattered == true {
      cancelParts(key)
      follows[key]?.isAsked = true
      follows[key]?.state.regroup()
    }
    while let (number, wanted) = follows[key]?.state.nextRequest() {
      // A watch is never given any credit.
      let isWatch = follows[key]?.state.parts[number].role == .watch
      follows[key]?.open(number, isWatch: isWatch)
      var follow = wanted
      follow.credit = follows[key]?.raise(number, window: window) ?? 0
      let id = link.follow(follow)
      follows[key]?.parts[number]?.id = id
      followPlaces[id] = FollowPlace(key: key, part: number)
    }
  }

  /// Asks for what the events at hand have made necessary, together for all of them.
  func requestUntoldParts() {
    guard !followsToAsk.isEmpty else { return }
    for key in followsToAsk.sorted() { requestParts(key) }
    followsToAsk = []
  }

  /// The connection is gone.
  func interruptFollows(_ error: LogError) {
    followPlaces = [:]
    for key in follows.keys.sorted() where follows[key]?.isAsked == true {
      follows[key]?.reset()
      interrupt(key, error)
    }
  }

  /// The requests have come to nothing; they will be made again.
  private func interrupt(_ key: UInt64, _ error: LogError) {
    follows[key]?.isInterrupted = true
    if let reason = follows[key]?.state.endReason { return end(key, reason) }
    follows[key]?.buffer.append(.interrupted(error))
  }

  func followRefused(_ place: FollowPlace, _ id: UInt32, _ refusal: Refusal) {
    let key = place.key
    // The session has forgotten the request: there is nothing to cancel.
    followPlaces[id] = nil
    follows[key]?.close(place.part)
    let error = LogError(refusal)
    guard refusal.isRetryable else { return fail(key, error) }
    if let since = follows[key]?.liveSince,
      loop.now.nanoseconds(since: since) >= configuration.backoff.healthyDuration.wholeNanoseconds
    {
      follows[key]?.refusalCount = 0
    }
    cancelParts(key)
    interrupt(key, error)
    guard let count = follows[key]?.refusalCount else { return }
    follows[key]?.refusalCount = count + 1
    let delay = configuration.backoff.delay(attempt: count, retryAfter: error.retryAfter, random: random)
    // If the connection goes meanwhile, the next one asks for it.
    endRetry(key)
    follows[key]?.retryTimer = loop.schedule(after: delay) { self.request(key) }
  }

  private func endRetry(_ key: UInt64) {
    follows[key]?.retryTimer?.cancel()
    follows[key]?.retryTimer = nil
  }

  private func raiseCredit(_ key: UInt64, _ part: Int) {
    guard let id = follows[key]?.parts[part]?.id, let total = follows[key]?.raise(part, window: window) else { return }
    link?.credit(id, total: total)
  }
}

// MARK: - What the server tells

extension ClientCore {
  func announced(_ id: UInt32, _ announcement: Announcement) {
    guard let place = followPlaces[id] else { return }
    do throws(LogError) {
      if let stream = try follows[place.key]?.state.announced(announcement, part: place.part) {
        follows[place.key]?.buffer.append(.announced(stream))
      } else {
        followsToAsk.insert(place.key)
      }
    } catch { fail(place.key, error) }
  }

  func resolved(_ id: UInt32) {
    guard let place = followPlaces[id] else { return }
    let key = place.key
    followsToAsk.insert(key)
    guard let resolution = follows[key]?.state.resolved(part: place.part) else { return }
    if let follow = follows[key], follow.isInterrupted {
      follows[key]?.isInterrupted = false
      follow.buffer.append(.resumed(at: follow.state.cursor))
    }
    if resolution == .first { follows[key]?.buffer.append(.resolved) }
    tellLive(key)
    endIfDone(key)
  }

  func delivered(_ id: UInt32, _ delivery: ClientSession.Delivery) {
    guard let place = followPlaces[id], let follow = follows[place.key] else { return }
    follow.received(delivery.byteCount, part: place.part)
    do throws(LogError) {
      if let batch = try follow.state.delivered(delivery, part: place.part) {
        follow.refusalCount = 0
        follow.waitingByteCount += delivery.byteCount
        follow.buffer.append(.batch(batch))
      }
      raiseCredit(place.key, place.part)
      endIfDone(place.key)
    } catch { fail(place.key, error) }
  }

  func skipped(_ id: UInt32, _ skip: Skip) {
    guard let place = followPlaces[id] else { return }
    if let range = follows[place.key]?.state.skipped(skip, part: place.part) {
      follows[place.key]?.buffer.append(.skipped(range))
    }
    endIfDone(place.key)
  }

  func live(_ id: UInt32) {
    guard let place = followPlaces[id] else { return }
    follows[place.key]?.state.live(part: place.part)
    tellLive(place.key)
  }

  private func tellLive(_ key: UInt64) {
    guard follows[key]?.state.becomesLive() == true else { return }
    follows[key]?.liveSince = loop.now
    follows[key]?.buffer.append(.live)
  }

  func ended(_ id: UInt32, _ reason: EndReason) {
    guard let place = followPlaces.removeValue(forKey: id) else { return }
    let key = place.key
    // The session has forgotten the request: there is nothing to cancel.
    follows[key]?.close(place.part)
    if let told = follows[key]?.state.ended(reason, part: place.part) { return end(key, told) }
    followsToAsk.insert(key)
    tellLive(key)
    endIfDone(key)
  }

  private func endIfDone(_ key: UInt64) { if let reason = follows[key]?.state.endsHere { end(key, reason) } }
}
