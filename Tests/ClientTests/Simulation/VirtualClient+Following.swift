import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// As `ClientCore+Following`; a reader takes the place of the buffer.
extension VirtualClient {
  func follow(_ request: FollowRequest, limits: FollowLimits, key: UInt64, reader: ModelReader) {
    let buffer = FollowBuffer(reportByteCountMin: .max) { _ in }
    follows[key] = ActiveFollow(state: FollowState(request, limits: limits), buffer: buffer)
    readers[key] = reader
    start()
    self.request(key)
  }

  /// The application has taken batches.
  func taken(_ byteCount: Int, key: UInt64) {
    follows[key]?.waitingByteCount -= byteCount
    for part in follows[key]?.nextTurns() ?? [] { raiseCredit(key, part) }
  }

  private func cancelParts(_ key: UInt64) {
    for part in (follows[key]?.parts ?? [:]).values.sorted(by: { $0.id < $1.id }) {
      followPlaces[part.id] = nil
      if let frame = session.cancel(part.id) { send(frame) }
    }
    follows[key]?.reset()
  }

  private func end(_ key: UInt64, _ reason: EndReason) {
    cancelParts(key)
    follows[key] = nil
    readers[key]?.add(.ended(reason))
  }

  private func fail(_ key: UInt64, _ error: LogError) {
    cancelParts(key)
    follows[key] = nil
    let isAboutNumbers = [.refused(.cursorAhead), .refused(.streamReplaced)].contains(error.code)
    checker.violate(isAboutNumbers ? .order : .seamless, "\(readers[key]?.name ?? name) is given up: \(error)")
  }

  // MARK: - The connection

  func request(_ key: UInt64) {
    guard isOpen, follows[key]?.isAsked == false else { return }
    followRetryCounts[key, default: 0] += 1
    follows[key]?.isAsked = true
    follows[key]?.state.begin()
    requestParts(key)
  }

  private func requestParts(_ key: UInt64) {
    guard isOpen, follows[key]?.isAsked == true, let window = readers[key]?.window else { return }
    if follows[key]?.state.isScattered == true {
      cancelParts(key)
      follows[key]?.isAsked = true
      follows[key]?.state.regroup()
    }
    while let (number, wanted) = follows[key]?.state.nextRequest() {
      let isWatch = follows[key]?.state.parts[number].role == .watch
      follows[key]?.open(number, isWatch: isWatch)
      var follow = wanted
      follow.credit = follows[key]?.raise(number, window: window) ?? 0
      if defect == .resumesOneOff {
        for index in follow.cursor.indices { follow.cursor[index].sequence += 1 }
      }
      let (id, frame) = session.follow(follow)
      send(frame)
      follows[key]?.parts[number]?.id = id
      followPlaces[id] = FollowPlace(key: key, part: number)
    }
  }

  func requestUntoldParts() {
    for key in followsToAsk.sorted() { requestParts(key) }
    followsToAsk = []
  }

  func interruptFollows(_ error: LogError) {
    followPlaces = [:]
    for key in follows.keys.sorted() where follows[key]?.isAsked == true {
      follows[key]?.reset()
      interrupt(key)
    }
  }

  private func interrupt(_ key: UInt64) {
    follows[key]?.isInterrupted = true
    if let reason = follows[key]?.state.endReason { return end(key, reason) }
    readers[key]?.add(.interrupted)
  }

  func followRefused(_ place: FollowPlace, _ id: UInt32, _ refusal: Refusal) {
    let key = place.key
    followPlaces[id] = nil
    follows[key]?.close(place.part)
    guard refusal.isRetryable else { return fail(key, LogError(refusal)) }
    if let since = follows[key]?.liveSince,
      simulation.now.nanoseconds(since: since) >= Self.backoff.healthyDuration.wholeNanoseconds
    {
      follows[key]?.refusalCount = 0
    }
    cancelParts(key)
    interrupt(key)
    guard let count = follows[key]?.refusalCount else { return }
    follows[key]?.refusalCount = count + 1
    let delay = Self.backoff.delay(attempt: count, retryAfter: LogError(refusal).retryAfter, random: random)
    followRetryCounts[key, default: 0] += 1
    let retryCount = followRetryCounts[key]
    later(delay) { [unowned self] in if retryCount == followRetryCounts[key] { request(key) } }
  }

  private func raiseCredit(_ key: UInt64, _ part: Int) {
    guard let id = follows[key]?.parts[part]?.id, let window = readers[key]?.window,
      let total = follows[key]?.raise(part, window: window), let frame = session.credit(id, total: total)
    else { return }
    send(frame)
  }

  // MARK: - What the server tells

  func announced(_ id: UInt32, _ announcement: Announcement) {
    guard let place = followPlaces[id] else { return }
    do throws(LogError) {
      if let stream = try follows[place.key]?.state.announced(announcement, part: place.part) {
        readers[place.key]?.add(.announced(stream))
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
    follows[key]?.isInterrupted = false
    if resolution == .first { readers[key]?.add(.resolved) }
    tellLive(key)
    endIfDone(key)
  }

  func delivered(_ id: UInt32, _ delivery: ClientSession.Delivery) {
    guard let place = followPlaces[id] else { return }
    let key = place.key
    checkCredit(key, place.part, delivery)
    follows[key]?.received(delivery.byteCount, part: place.part)
    do throws(LogError) {
      if let batch = try follows[key]?.state.delivered(delivery, part: place.part) {
        follows[key]?.refusalCount = 0
        follows[key]?.waitingByteCount += delivery.byteCount
        checkMemory(key)
        readers[key]?.add(.batch(batch, delivery.batches))
      }
      raiseCredit(key, place.part)
      endIfDone(key)
    } catch { fail(key, error) }
  }

  /// P7: one batch may overdraw; a second one must not be sent.
  private func checkCredit(_ key: UInt64, _ number: Int, _ delivery: ClientSession.Delivery) {
    guard let part = follows[key]?.parts[number] else { return }
    let others = delivery.batches.dropLast().reduce(0) { $0 + $1.bytes.count }
    guard part.creditLeft == 0 || others > part.creditLeft else { return }
    checker.violate(.slowIsSafe, "\(name) is sent \(delivery.byteCount) bytes with a credit of \(part.creditLeft)")
  }

  /// P7: what waits for an application that does not take it.
  private func checkMemory(_ key: UInt64) {
    guard let follow = follows[key], let window = readers[key]?.window else { return }
    let most = window + max(follow.parts.count, 1) * BatchPool.byteCountMax
    if follow.waitingByteCount > most {
      checker.violate(.slowIsSafe, "\(name) holds \(follow.waitingByteCount) bytes for a reader, not \(most)")
    }
  }

  func skipped(_ id: UInt32, _ skip: Skip) {
    guard let place = followPlaces[id] else { return }
    if let range = follows[place.key]?.state.skipped(skip, part: place.part) {
      readers[place.key]?.add(.skipped(range))
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
    follows[key]?.liveSince = simulation.now
    readers[key]?.add(.live)
  }

  func ended(_ id: UInt32, _ reason: EndReason) {
    guard let place = followPlaces.removeValue(forKey: id) else { return }
    let key = place.key
    follows[key]?.close(place.part)
    if let told = follows[key]?.state.ended(reason, part: place.part) { return end(key, told) }
    followsToAsk.insert(key)
    tellLive(key)
    endIfDone(key)
  }

  private func endIfDone(_ key: UInt64) { if let reason = follows[key]?.state.endsHere { end(key, reason) } }
}
