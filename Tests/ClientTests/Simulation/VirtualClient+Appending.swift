import LogsWire

@testable import LogsClient
@testable import LogsSimulation

extension VirtualClient {
  /// A batch without an answer on this connection.
  struct Flight {
    let key: AppendQueue.Key
    let byteCount: Int
  }

  /// Queues a batch under the client's own identity.
  func append(_ content: AppendLane.Content, to stream: StreamName, answer: any AppendAnswer) {
    appends.append(content, to: .init(producer: producer, stream: stream), answer: answer, cost: 0)
    start()
    sendWaiting()
  }

  /// Queues batches that already have numbers.
  func append(_ batches: [NumberedBatch]) {
    for batch in batches { appends.append(batch) }
    start()
    sendWaiting()
  }

  func sendWaiting() {
    guard case .open(_, let welcome) = phase else { return }
    var readyAt = appends.resume(now: simulation.now)
    if let time = subscriptions.resume(now: simulation.now) { readyAt = min(readyAt ?? time, time) }
    carryOutFollows()
    let inFlightCountMax = AppendQueue.inFlightCountMax(welcome) * (defect == .exceedsLimits ? 2 : 1)
    appends.send(inFlightCountMax: inFlightCountMax) { send($0, welcome) }
    waitCount += 1
    let count = waitCount
    guard let readyAt else { return }
    later(.nanoseconds(Int64(clamping: readyAt.nanoseconds(since: simulation.now)))) { [unowned self] in
      if count == waitCount { sendWaiting() }
    }
  }

  private func send(_ next: NumberedBatch, _ welcome: Welcome) -> UInt32? {
    let shift = defect == .renumbersAfterReconnect ? UInt64(reconnectCount) * 1000 : 0
    var batch = next
    batch.number += shift
    batch.floor = defect == .raisesFloorEarly ? batch.number : batch.floor + shift
    var head = ByteWriter()
    guard let (id, tail) = session.append(batch, head: &head) else { return nil }
    flights[id] = Flight(key: batch.key, byteCount: batch.content.byteCount)
    checkLimits(batch.key, welcome)
    send(OutgoingFrame(head: head.finish(), batches: tail))
    return id
  }

  /// P8, counted independently.
  private func checkLimits(_ key: AppendQueue.Key, _ welcome: Welcome) {
    let laneCount = flights.values.count { $0.key == key }
    if laneCount > Int(welcome.producerBatchCountMax) {
      checker.violate(.bounded, "\(name) has \(laneCount) batches for one stream in flight")
    }
    if laneCount > 1, heldKeys.contains(key) {
      checker.violate(.bounded, "\(name) sends more than the first batch of \(key.stream), which is held back")
    }
    let byteCount = flights.values.reduce(0) { $0 + $1.byteCount }
    if flights.count > Int(welcome.appendBatchCountMax)
      || (flights.count > 1 && byteCount > Int(welcome.appendByteCountMax))
    {
      checker.violate(.bounded, "\(name) has \(flights.count) batches with \(byteCount) bytes in flight")
    }
  }

  func acknowledged(_ id: UInt32, _ stored: ClientSession.Stored) {
    if let flight = flights.removeValue(forKey: id) { heldKeys.remove(flight.key) }
    appends.acknowledge(id)?.answer.acknowledged(stored)
  }

  func appendRefused(_ id: UInt32, _ refusal: Refusal) {
    flights[id] = nil
    if defect == .passesOverHeld, refusal.code == .forbidden,
      let batch = appends.giveUp(id, refusal, now: simulation.now)
    {
      // It goes under another identity, and what is behind it does not wait.
      return later(.seconds(1)) { [unowned self] in append(batch.content, to: batch.key.stream, answer: batch.answer) }
    }
    let outcome = appends.refused(id, refusal, now: simulation.now) { attempt, retryAfter in
      Self.backoff.delay(attempt: attempt, retryAfter: retryAfter, random: random)
    }
    switch outcome {
    case .givenUp(let batch, let error):
      heldKeys.remove(batch.key)
      batch.answer.refused(error)
    case .heldBack(let batch, let error):
      heldKeys.insert(batch.key)
      if defect == .givesUpHeld { batch.answer.refused(error) } else { batch.answer.heldBack(error) }
    case .refusing, .noted: break
    }
  }
}
