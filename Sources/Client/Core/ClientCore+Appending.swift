internal import LogsTransport
internal import LogsWire

extension ClientCore {
  /// Queues a batch, whose room in the budget has been taken.
  func append(_ content: AppendLane.Content, to stream: StreamName, answer: any AppendAnswer, cost: Int) {
    guard !isClosed else {
      budget.release(cost)
      return answer.failed(.closed)
    }
    appends.append(content, to: AppendQueue.Key(producer: producer, stream: stream), answer: answer, cost: cost)
    start()
    sendWaiting()
  }

  /// Queues batches of a producer, which numbers and bounds them itself.
  func append(_ batches: [NumberedBatch]) {
    guard !isClosed, !isShuttingDown else {
      for batch in batches { batch.answer.failed(.closed) }
      return
    }
    for batch in batches { appends.append(batch) }
    start()
    sendWaiting()
  }

  /// Gives up batches whose producer has ended, without answering them.
  func withdraw(_ keys: Set<AppendQueue.Key>) {
    for key in keys.sorted() { appends.withdraw(key) }
    endRefusing()
    closeIfDone()
  }

  /// Sends what the credit allows, and requests what is due.
  func sendWaiting() {
    // After most answers there is nothing to do, and with a new batch nothing but to send it.
    let work = appends.work
    let isWaiting = work.hasRecovering || waitTimer != nil || subscriptions.mayHaveWork
    guard work.hasTurns || isWaiting, case .open(let link) = phase else { return }
    if isWaiting { resumeWaiting() }
    appends.send(inFlightCountMax: link.inFlightCountMax) { link.append($0) }
  }

  /// Continues what was refused for now and may be sent again.
  private func resumeWaiting() {
    var readyAt = appends.resume(now: loop.now)
    if let time = subscriptions.resume(now: loop.now) { readyAt = min(readyAt ?? time, time) }
    carryOutFollows()
    wait(until: readyAt)
  }

  private func wait(until time: MonotonicTime?) {
    if waitTimer == nil, time == nil { return }
    waitTimer?.cancel()
    waitTimer = time.map { time in
      loop.schedule(after: .nanoseconds(Int64(clamping: time.nanoseconds(since: loop.now)))) { self.sendWaiting() }
    }
  }

  func acknowledged(_ id: UInt32, _ stored: ClientSession.Stored) {
    guard let batch = appends.acknowledge(id) else { return }
    budget.release(batch.cost)
    batch.answer.acknowledged(stored)
  }

  func appendRefused(_ id: UInt32, _ refusal: Refusal) {
    let outcome = appends.refused(id, refusal, now: loop.now) { attempt, retryAfter in
      configuration.backoff.delay(attempt: attempt, retryAfter: retryAfter, random: random)
    }
    switch outcome {
    case .givenUp(let batch, let error):
      budget.release(batch.cost)
      batch.answer.refused(error)
    case .heldBack(let batch, let error): batch.answer.heldBack(error)
    case .refusing(let error):
      isRefusing = true
      board.set(.refusing(because: error))
    case .noted: break
    }
  }
}
