internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// Appends: one request is one batch, answered when it is on disk.
extension HTTPExchange {
  func begin(_ append: HTTPAppend, _ body: [UInt8]) {
    do throws(HTTPProblem) {
      let batch = try append.batch(body, now: SystemClock.wall())
      let late = core.appendRates.refusal(
        of: batch, client: access.name, stream: append.stream, now: connection.loop.now)
      if let late { throw HTTPProblem(late) }
      stage = .append(append.stream)
      let sender = Appender.Sender(client: carrier.clientID, request: id, name: access.name)
      let refusal =
        if let number = number(of: append) {
          core.appender.append(
            Append(
              producer: number.producer, number: number.value, floor: number.value, stream: append.stream,
              batch: batch),
            from: sender)
        } else {
          core.appender.append(batch, to: append.stream, from: sender)
        }
      if let refusal { throw HTTPProblem(refusal) }
    } catch { respond(HTTPResponse(error)) }
  }

  /// What makes a repetition known: the client's number, or the one batch of the producer that its key stands for.
  private func number(of append: HTTPAppend) -> HTTPAppend.Number? {
    guard let text = append.key else { return append.number }
    let key = IdempotencyKeys.Key(client: access.name, stream: append.stream, text: text)
    return HTTPAppend.Number(
      producer: core.idempotencyKeys.producer(for: key, now: connection.loop.now), value: 1)
  }

  func settle(_ outcome: WriteOutcome) {
    guard case .append(let stream) = stage else { return }
    switch outcome {
    case .refused(let refusal): respond(HTTPResponse(HTTPProblem(refusal)))
    case .stored(let incarnation, let first, let count, let isDuplicate):
      var json = JSONWriter()
      json.object { json in
        json.key("stream")
        json.string(stream.text)
        json.key("incarnation")
        json.string(incarnation.description)
        json.key("first")
        json.number(first)
        json.key("last")
        json.number(first + UInt64(count) - 1)
        json.key("duplicate")
        json.boolean(isDuplicate)
      }
      json.newline()
      respond(HTTPResponse("application/json", json.bytes))
    }
  }
}
