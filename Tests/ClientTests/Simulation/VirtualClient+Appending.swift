import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// As `ClientCore+Appending`.
extension VirtualClient {
  /// A batch that has no answer on this connection.
  struct Flight {
    let key: AppendQueue.Key
    let byteCount: Int
  }

  /// Queues a batch under the client's own identity.
  func append(_ content: AppendLane.Content, to stream: StreamName, answer: any AppendAnswer) {
    appends.append(content, to: .init(producer: producer, stream: stream), answer: answer, cost: 0)
    start()
    sendAppends()
  }

  /// Queues batches that have their numbers.
  func append(_ batches: [NumberedBatch]) {
    for batch in batches { appends.append(batch.item, to: batch.key) }
    start()
    sendAppends()
  }

  func sendAppends() {
    guard case .open(_, let welcome) = phase else { return }
    let readyAt = appends.resume(now: simulation.now)
    let inFlightCountMax = min(Int(welcome.producerBatchCountMax), Limits.producerBatchCountMax)
    let isBold = defect == .exceedsLimits
    while let next = appends.next(
      inFlightCountMax: isBold ? inFlightCountMax * 2 : inFlightCountMax,
      fits: { session.canAppend(byteCount: $0) })
    {
      appends.sent(next, id: send(next, welcome))
    }
    appendTimerCount += 1
    let count = appendTimerCount
    guard let readyAt else { return }
    later(.nanoseconds(Int64(clamping: readyAt.nanoseconds(since: simulation.now)))) { [unowned self] in
      if count == appendTimerCount { sendAppends() }
    }
  }

  private func send(_ next: AppendQueue.Outgoing, _ welcome: Welcome) -> UInt32 {
    let shift = defect == .renumbersAfterReconnect ? UInt64(reconnectCount) * 1000 : 0
    let number = next.number + shift
    let floor = defect == .raisesFloorEarly ? number : next.floor + shift
    let (producer, stream) = (next.key.producer, next.key.stream)
    let (id, frame): (UInt32, OutgoingFrame)
    switch next.content {
    case .batch(let bytes, let entryCount):
      let append = Append(producer: producer, number: number, floor: floor, stream: stream, batch: bytes)
      (id, frame) = session.append(append, entryCount: entryCount)
    case .completion(let text):
      (id, frame) = session.complete(
        Complete(producer: producer, number: number, floor: floor, stream: stream, text: text))
    }
    flights[id] = Flight(key: next.key, byteCount: next.content.byteCount)
    checkLimits(next.key, welcome)
    send(frame)
    return id
  }

  /// P8, counted anew.
  private func checkLimits(_ key: AppendQueue.Key, _ welcome: Welcome) {
    let laneCount = flights.values.count { $0.key == key }
    if laneCount > Int(welcome.producerBatchCountMax) {
      checker.violate(.bounded, "\(name) has \(laneCount) batches for one stream in flight")
    }
    let byteCount = flights.values.reduce(0) { $0 + $1.byteCount }
    if flights.count > Int(welcome.appendBatchCountMax)
      || (flights.count > 1 && byteCount > Int(welcome.appendByteCountMax))
    {
      checker.violate(.bounded, "\(name) has \(flights.count) batches with \(byteCount) bytes in flight")
    }
  }

  func acknowledged(_ id: UInt32, _ stored: ClientSession.Stored) {
    flights[id] = nil
    guard let item = appends.acknowledge(id) else { return }
    item.answer.acknowledged(
      stored.incarnation, stored.firstSequence...stored.firstSequence + (stored.count - 1),
      isDuplicate: stored.isDuplicate)
  }

  func appendRefused(_ id: UInt32, _ refusal: Refusal) {
    flights[id] = nil
    guard refusal.isRetryable || refusal.code == .outOfOrder else {
      guard let item = appends.giveUp(id, refusal, now: simulation.now) else { return }
      return item.answer.refused(LogError(refusal).afterSending(item.mayHaveTakenEffect))
    }
    let milliseconds = refusal.retryAfterMilliseconds
    appends.postpone(id, refusal, now: simulation.now) { attempt in
      Self.backoff.delay(
        attempt: attempt, retryAfter: milliseconds == 0 ? nil : .milliseconds(milliseconds), random: random)
    }
  }
}
