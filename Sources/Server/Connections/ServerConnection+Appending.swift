internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// Appends: the shard's `Appender` takes them, and the session sends their answers.
extension ServerConnection {
  func submit(_ id: UInt32, _ append: Append) {
    refuse(
      id,
      refusal(.append, append.stream) ?? refusal(byRateOf: append)
        ?? core.appender.append(append, from: sender(id)))
  }

  func submit(_ id: UInt32, _ complete: Complete) {
    refuse(id, refusal(.append, complete.stream) ?? core.appender.complete(complete, from: sender(id)))
  }

  private func refusal(byRateOf append: Append) -> Refusal? {
    guard core.appendRates.isLimited else { return nil }
    let count: Int
    // A batch that is malformed is refused for that, later.
    do throws(WireDecodingError) { count = Int(try Batch(startOf: append.batch).header.count) } catch { return nil }
    return core.appendRates.refusal(
      client: access.name, stream: append.stream, byteCount: append.batch.count, entryCount: count,
      now: connection.loop.now)
  }

  private func sender(_ id: UInt32) -> Appender.Sender { Appender.Sender(client: self.id, request: id) }

  private func refuse(_ id: UInt32, _ refusal: Refusal?) {
    if let refusal { send(session.refuse(id, refusal)) }
  }

  func settle(_ id: UInt32, _ outcome: WriteOutcome) {
    switch outcome {
    case .stored(let incarnation, let first, let count, let isDuplicate):
      send(
        session.acknowledge(
          id, Ack(isDuplicate: isDuplicate, incarnation: incarnation, firstSequence: first, count: UInt64(count))))
    case .refused(let refusal): send(session.refuse(id, refusal))
    }
    closeIfDone()
  }
}
