internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// Appends: the shard's `Appender` takes them, and the session sends their answers.
extension ServerConnection {
  func submit(_ id: UInt32, _ append: Append) {
    refuse(
      id,
      refusal(.append, append.stream) ?? core.appendRates.refusal(
        of: append.batch, client: access.name, stream: append.stream, now: connection.loop.now)
        ?? core.appender.append(append, from: sender(id)))
  }

  func submit(_ id: UInt32, _ complete: Complete) {
    refuse(id, refusal(.append, complete.stream) ?? core.appender.complete(complete, from: sender(id)))
  }

  private func sender(_ id: UInt32) -> Appender.Sender {
    Appender.Sender(client: self.id, request: id, name: access.name)
  }

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
