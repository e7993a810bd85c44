internal import LogsTransport
internal import LogsWire

/// A subscription and the connection's part of it.
struct ActiveFollow {
  var state: FollowState
  let buffer: FollowBuffer
  /// The request on this connection; nil while there is none.
  var id: UInt32?
  /// Whether the application has been told of an interruption and not yet of its end.
  var isInterrupted = false
  /// Refusals since the last time that the server took it up.
  var refusalCount = 0
  /// Stored bytes received on this connection, and those that the application has not taken yet.
  var receivedByteCount: UInt64 = 0
  var waitingByteCount = 0
  /// What the server was told it may send on this connection in all.
  var creditTotal: UInt64 = 0

  /// What the server may send in all, so that no more than `window` waits.
  func credit(window: Int) -> UInt64 { receivedByteCount + UInt64(max(window - waitingByteCount, 0)) }
}

// MARK: - The application

extension ClientCore {
  private var window: Int { configuration.followCreditByteCount }

  func follow(_ request: FollowRequest, buffer: FollowBuffer, key: UInt64) {
    guard !isClosed, !isShuttingDown else { return buffer.finish(throwing: .closed) }
    follows[key] = ActiveFollow(state: FollowState(request), buffer: buffer)
    start()
    self.request(key)
  }

  /// The application has taken batches.
  func taken(_ byteCount: Int, key: UInt64) {
    follows[key]?.waitingByteCount -= byteCount
    raiseCredit(key)
  }

  /// The application wants no more.
  func endFollow(_ key: UInt64) {
    guard let follow = forget(key) else { return }
    if let id = follow.id { link?.cancel(id) }
    follow.buffer.finish()
  }

  private func forget(_ key: UInt64) -> ActiveFollow? {
    guard let follow = follows.removeValue(forKey: key) else { return nil }
    if let id = follow.id { followKeys[id] = nil }
    return follow
  }

  /// Ends a subscription in good order.
  func end(_ key: UInt64, _ reason: EndReason) {
    guard let follow = forget(key) else { return }
    if let id = follow.id { link?.cancel(id) }
    follow.buffer.append(.ended(reason))
    follow.buffer.finish()
  }

  func fail(_ key: UInt64, _ error: LogError) {
    guard let follow = forget(key) else { return }
    if let id = follow.id { link?.cancel(id) }
    follow.buffer.finish(throwing: error)
  }
}

// MARK: - The connection

extension ClientCore {
  /// Asks for a subscription, from where it stands.
  func request(_ key: UInt64) {
    guard let link = openLink, var follow = follows[key], follow.id == nil else { return }
    follow.receivedByteCount = 0
    follow.creditTotal = follow.credit(window: window)
    do throws(LogError) {
      let id = link.follow(try follow.state.begin(credit: follow.creditTotal))
      follow.id = id
      follows[key] = follow
      followKeys[id] = key
    } catch { fail(key, error) }
  }

  /// The connection is gone.
  func interruptFollows(_ error: LogError) {
    followKeys = [:]
    for key in follows.keys.sorted() where follows[key]?.id != nil { interrupt(key, error) }
  }

  /// The request has come to nothing; it will be made again.
  private func interrupt(_ key: UInt64, _ error: LogError) {
    if let id = follows[key]?.id { followKeys[id] = nil }
    follows[key]?.id = nil
    follows[key]?.isInterrupted = true
    if let reason = follows[key]?.state.endReason { return end(key, reason) }
    follows[key]?.buffer.append(.interrupted(error))
  }

  func followRefused(_ key: UInt64, _ refusal: Refusal) {
    // The session has forgotten the request: there is nothing to cancel.
    if let id = follows[key]?.id { followKeys[id] = nil }
    let error = LogError(refusal)
    guard refusal.isRetryable else {
      follows[key]?.id = nil
      return fail(key, error)
    }
    interrupt(key, error)
    guard let count = follows[key]?.refusalCount else { return }
    follows[key]?.refusalCount = count + 1
    let delay = configuration.backoff.delay(attempt: count, retryAfter: error.retryAfter, random: random)
    // If the connection goes meanwhile, the next one asks for it.
    loop.schedule(after: delay) { self.request(key) }
  }

  private func raiseCredit(_ key: UInt64) {
    guard let follow = follows[key], let id = follow.id else { return }
    let total = follow.credit(window: window)
    guard total > follow.creditTotal else { return }
    follows[key]?.creditTotal = total
    link?.credit(id, total: total)
  }
}

// MARK: - What the server tells

extension ClientCore {
  func announced(_ id: UInt32, _ announcement: Announcement) {
    guard let key = followKeys[id] else { return }
    do throws(LogError) {
      if let stream = try follows[key]?.state.announced(announcement) {
        follows[key]?.buffer.append(.announced(stream))
      }
    } catch { fail(key, error) }
  }

  func resolved(_ id: UInt32) {
    guard let key = followKeys[id], let isFirst = follows[key]?.state.resolved() else { return }
    follows[key]?.refusalCount = 0
    if let follow = follows[key], follow.isInterrupted {
      follows[key]?.isInterrupted = false
      follow.buffer.append(.resumed(at: follow.state.cursor))
    }
    if isFirst { follows[key]?.buffer.append(.resolved) }
    endIfDone(key)
  }

  func delivered(_ id: UInt32, _ delivery: ClientSession.Delivery) {
    guard let key = followKeys[id] else { return }
    follows[key]?.receivedByteCount += UInt64(delivery.byteCount)
    do throws(LogError) {
      if let batch = try follows[key]?.state.delivered(delivery) {
        follows[key]?.waitingByteCount += delivery.byteCount
        follows[key]?.buffer.append(.batch(batch))
      } else {
        raiseCredit(key)
      }
      endIfDone(key)
    } catch { fail(key, error) }
  }

  func skipped(_ id: UInt32, _ skip: Skip) {
    guard let key = followKeys[id] else { return }
    if let range = follows[key]?.state.skipped(skip) { follows[key]?.buffer.append(.skipped(range)) }
    endIfDone(key)
  }

  func live(_ id: UInt32) { if let key = followKeys[id] { follows[key]?.buffer.append(.live) } }

  func ended(_ id: UInt32, _ reason: EndReason) {
    guard let key = followKeys[id], let told = follows[key]?.state.reason(reason) else { return }
    // The session has forgotten the request: there is nothing to cancel.
    followKeys[id] = nil
    follows[key]?.id = nil
    end(key, told)
  }

  private func endIfDone(_ key: UInt64) { if let reason = follows[key]?.state.endsHere { end(key, reason) } }
}
