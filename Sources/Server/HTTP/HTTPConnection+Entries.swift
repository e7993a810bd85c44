internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// An answer that a subscription fills.
final class EntryDelivery {
  let subscription: Subscription
  var text: EntryText
  /// Whether its head has been sent: a refusal that comes before becomes a status.
  var hasBegun = false
  var lastSent: MonotonicTime

  init(_ subscription: Subscription, _ query: EntryQuery, now: MonotonicTime) {
    self.subscription = subscription
    text = EntryText(query)
    lastSent = now
  }
}

/// Pages and followed streams: each is a subscription, whose output is written as JSON while it is delivered.
extension HTTPConnection {
  func begin(_ query: EntryQuery) {
    for case .stream(let name) in query.follow.selectors {
      if let refusal = access.refusal(.read, name) { return respond(HTTPResponse(HTTPProblem(refusal))) }
    }
    lastID &+= 1
    let subscription = core.hub.subscription(lastID, query.follow, host: self, rights: access.rights)
    stage = .entries(EntryDelivery(subscription, query, now: connection.loop.now))
    subscription.begin()
  }

  private var delivery: EntryDelivery? { if case .entries(let delivery) = stage { delivery } else { nil } }

  /// Sends the head of the answer and what it begins with.
  private func beginAnswer(_ delivery: EntryDelivery) {
    delivery.hasBegun = true
    let coding = isChunked ? [HTTPHeader("Transfer-Encoding", "chunked")] : []
    connection.send(
      ByteString(
        HTTPResponse.head(
          200, delivery.text.contentType, coding + delivery.text.headers, isLast: isLastAnswer)))
    write(delivery.text.beginning, of: delivery)
  }

  /// HTTP/1.0 ends an answer of unknown length by closing.
  private var isChunked: Bool { request?.isVersion10 == false }

  private func write(_ bytes: [UInt8], of delivery: EntryDelivery) {
    guard !bytes.isEmpty else { return }
    delivery.lastSent = connection.loop.now
    guard isChunked else { return connection.send(ByteString(bytes)) }
    let head = Array("\(String(bytes.count, radix: 16))\r\n".utf8)
    connection.send(ByteString(head + bytes + Array("\r\n".utf8)))
  }

  private func endAnswer(_ bytes: [UInt8], of delivery: EntryDelivery) {
    write(bytes, of: delivery)
    if isChunked { connection.send(ByteString("0\r\n\r\n")) }
    answered()
    // From inside of the subscription's last call: the next request waits for a turn.
    core.awaitTurn(self)
  }

  /// Ends an answer that is not complete.
  private func fail(_ problem: HTTPProblem, _ delivery: EntryDelivery) {
    guard delivery.hasBegun else {
      respond(HTTPResponse(problem))
      return core.awaitTurn(self)
    }
    guard let bytes = delivery.text.problem(problem) else { return connection.close() }
    endAnswer(bytes, of: delivery)
  }

  /// Ends the answer from this side.
  func abandon(_ delivery: EntryDelivery, because problem: HTTPProblem) {
    delivery.subscription.abandon()
    fail(problem, delivery)
  }

  func tick(_ delivery: EntryDelivery) {
    if let refusal = core.access.refusal(of: &access) {
      leaveAfterAnswer()
      return abandon(delivery, because: HTTPProblem(refusal))
    }
    delivery.subscription.tick()
    let isQuiet = connection.loop.now >= delivery.lastSent + HTTPLimits.heartbeat
    if isQuiet, delivery.hasBegun, delivery.text.query.form == .events { write(EntryText.heartbeat, of: delivery) }
  }
}

// MARK: - What the subscription needs

extension HTTPConnection: SubscriptionHost {
  var windowByteCount: Int {
    core.isOutputShort ? HTTPLimits.shortOutputByteCount : core.configuration.outputByteCountMax
  }

  /// The socket decides how much is delivered, this how much at once: entries take several times as much as text.
  func creditLeft(_ subscription: Subscription) -> Int { HTTPLimits.pieceByteCount }

  func hasRoom(for subscription: Subscription) -> Bool { !isFull }

  func awaitTurn(_ subscription: Subscription) { if !isFull { core.awaitTurn(self) } }

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription) {
    guard let delivery else { return }
    var entries: [LogEntry] = []
    do throws(WireDecodingError) {
      for batch in try Batch.run(batches) { try core.hub.decoder.append(entriesOf: batch, to: &entries) }
    } catch {
      return abandon(
        delivery, because: HTTPProblem(500, .internalError, "a stored batch cannot be read: \(error)"))
    }
    write(delivery.text.write(entries, range), of: delivery)
  }

  func tell(_ message: Message, to subscription: Subscription) {
    guard let delivery else { return }
    switch message {
    case .stream(let stream):
      delivery.text.announce(stream)
      if let refusal = delivery.text.cursorRefusal { abandon(delivery, because: HTTPProblem(refusal)) }
    case .resolved(let streamCount):
      if streamCount == 0, subscription.follow.end.atHead, case .stream(let name)? = subscription.follow.selectors.first
      {
        let refusal = Refusal(.unknownStream, "there is no stream '\(name)'")
        return abandon(delivery, because: HTTPProblem(refusal))
      }
      beginAnswer(delivery)
    case .skip(let skip): write(delivery.text.skip(skip), of: delivery)
    case .live: write(delivery.text.live(), of: delivery)
    default: break
    }
  }

  func end(_ subscription: Subscription, _ reason: EndReason) {
    guard let delivery else { return }
    endAnswer(delivery.text.end(reason), of: delivery)
  }

  func refuse(_ subscription: Subscription, _ refusal: Refusal) {
    if let delivery { fail(HTTPProblem(refusal), delivery) }
  }
}
