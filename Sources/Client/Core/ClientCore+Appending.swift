internal import LogsTransport
internal import LogsWire

extension ClientCore {
  /// Queues a batch whose room has been taken from the budget.
  func append(_ content: AppendLane.Content, to stream: StreamName, answer: any AppendAnswer, cost: Int) {
    guard !isClosed else {
      budget.release(cost)
      return answer.failed(.closed)
    }
    appends.append(content, to: AppendQueue.Key(producer: producer, stream: stream), answer: answer, cost: cost)
    start()
    sendAppends()
  }

  /// Queues batches of a producer that numbers and bounds them itself.
  func append(_ batches: [NumberedBatch]) {
    guard !isClosed, !isShuttingDown else {
      for batch in batches { batch.item.answer.failed(.closed) }
      return
    }
    for batch in batches { appends.append(batch.item, to: batch.key) }
    start()
    sendAppends()
  }

  /// Gives up batches whose producer has ended, without a word.
  func withdraw(_ keys: Set<AppendQueue.Key>) {
    for key in keys.sorted() { appends.withdraw(key) }
    endRefusing()
    closeIfDone()
  }

  /// Sends what the credit allows.
  func sendAppends() {
    guard case .open(let link, let welcome) = phase else { return }
    let readyAt = appends.resume(now: loop.now)
    let inFlightCountMax = min(Int(welcome.producerBatchCountMax), Limits.producerBatchCountMax)
    while let next = appends.next(inFlightCountMax: inFlightCountMax, fits: { link.canAppend(byteCount: $0) }) {
      let id =
        switch next.content {
        case .batch(let bytes, let entryCount):
          link.append(
            Append(
              producer: next.key.producer, number: next.number, floor: next.floor, stream: next.key.stream,
              batch: bytes),
            entryCount: entryCount)
        case .completion(let text):
          link.complete(
            Complete(
              producer: next.key.producer, number: next.number, floor: next.floor, stream: next.key.stream, text: text))
        }
      appends.sent(next, id: id)
    }
    appendTimer?.cancel()
    appendTimer = readyAt.map { time in
      loop.schedule(after: .nanoseconds(Int64(clamping: time.nanoseconds(since: loop.now)))) { self.sendAppends() }
    }
  }

  func acknowledged(_ id: UInt32, _ stored: ClientSession.Stored) {
    guard let item = appends.acknowledge(id) else { return }
    budget.release(item.cost)
    item.answer.acknowledged(
      stored.incarnation, stored.firstSequence...stored.firstSequence + (stored.count - 1),
      isDuplicate: stored.isDuplicate)
  }

  func appendRefused(_ id: UInt32, _ refusal: Refusal) {
    // Out of order says that batches before this one are missing: they are sent first, then this one again.
    guard refusal.isRetryable || refusal.code == .outOfOrder else {
      if let item = appends.giveUp(id, refusal, now: loop.now) {
        budget.release(item.cost)
        item.answer.refused(LogError(refusal).afterSending(item.mayHaveTakenEffect))
      }
      return
    }
    let milliseconds = refusal.retryAfterMilliseconds
    let isNew = appends.postpone(id, refusal, now: loop.now) { attempt in
      configuration.backoff.delay(
        attempt: attempt, retryAfter: milliseconds == 0 ? nil : .milliseconds(milliseconds), random: random)
    }
    // What is out of order follows from a refusal before, and a server that is going away has told so.
    guard isNew, refusal.code != .outOfOrder, refusal.code != .goingAway else { return }
    board.set(.refusing(because: LogError(refusal)))
  }
}

/// A batch of a producer that numbers its batches itself.
struct NumberedBatch: Sendable {
  let key: AppendQueue.Key
  let item: AppendLane.Item
}

extension AppendLane.Item {
  /// Tells who waits that it will not be sent again.
  func fail(_ error: LogError, _ budget: SendBudget) {
    budget.release(cost)
    answer.failed(error.afterSending(mayHaveTakenEffect))
  }
}
