internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// An answer that a subscription fills.
final class EntryDelivery {
  let subscription: Subscription
  var text: EntryText
  /// What is put in order before any of it is sent; nil where entries are sent as they come.
  var page: CollectedPage?
  /// Whether its head has been sent: a refusal that comes before becomes a status.
  var hasBegun = false
  var lastSent: MonotonicTime
  /// Compresses it, if the client wants that.
  var encoder: (any ContentEncoder)?
  /// When the time that the client gave is over.
  let deadline: MonotonicTime?

  init(_ subscription: Subscription, _ query: EntryQuery, store: InstanceID, now: MonotonicTime) {
    self.subscription = subscription
    text = EntryText(query, store: store)
    lastSent = now
    deadline = query.timeout.map { now + $0 }
    if case .collected(let order) = query.form { page = CollectedPage(order) }
  }
}

/// Pages and followed streams: each is a subscription, whose output is written as JSON while it is delivered.
extension HTTPExchange {
  func begin(_ query: EntryQuery) {
    for case .stream(let name) in query.follow.selectors {
      if let refusal = access.refusal(.read, name) { return respond(HTTPResponse(HTTPProblem(refusal))) }
    }
    if query.view == .container { look(for: query) } else { deliver(query) }
  }

  /// - Parameter containers: of the streams, as far as they are known.
  func deliver(_ query: EntryQuery, containers: [EntryOrigin: ContainerName] = [:]) {
    let subscription = core.hub.subscription(id, query.follow, host: self, rights: access.rights)
    let delivery = EntryDelivery(subscription, query, store: core.store.id, now: connection.loop.now)
    delivery.text.containers = containers
    stage = .entries(delivery)
    subscription.begin()
  }

  private var delivery: EntryDelivery? { if case .entries(let delivery) = stage { delivery } else { nil } }

  /// Sends the head of the answer and what it begins with.
  private func beginAnswer(_ delivery: EntryDelivery) {
    delivery.hasBegun = true
    note(200)
    var head = HTTPHead(200, delivery.text.contentType, delivery.text.headers)
    if let coding = ContentCoding(accepted: request["accept-encoding"]) {
      head.headers += coding.headers
      delivery.encoder = coding.encoder()
    }
    head.headers += crossOriginHeaders
    carrier.begin(self, head)
    write(delivery.text.beginning, of: delivery)
  }

  private func write(_ bytes: [UInt8], of delivery: EntryDelivery) { write(ByteString(bytes), of: delivery) }

  private func write(_ bytes: ByteString, of delivery: EntryDelivery) {
    guard !bytes.isEmpty else { return }
    delivery.lastSent = connection.loop.now
    let encoded = delivery.encoder.map { ByteString($0.encode(bytes.array, isLast: false)) }
    carrier.write(self, encoded ?? bytes)
  }

  private func endAnswer(_ bytes: [UInt8], of delivery: EntryDelivery) {
    let last = delivery.encoder?.encode(bytes, isLast: true) ?? bytes
    if !last.isEmpty { carrier.write(self, ByteString(last)) }
    stage = .over
    carrier.end(self)
  }

  /// Ends an answer that is not complete.
  private func fail(_ problem: HTTPProblem, _ delivery: EntryDelivery) {
    guard delivery.hasBegun else { return respond(HTTPResponse(problem)) }
    guard let bytes = delivery.text.problem(problem) else {
      stage = .over
      return carrier.cut(self)
    }
    endAnswer(bytes, of: delivery)
  }

  /// Ends the answer from this side.
  func abandon(_ delivery: EntryDelivery, because problem: HTTPProblem) {
    delivery.subscription.abandon()
    fail(problem, delivery)
  }

  func tick(_ delivery: EntryDelivery) {
    if let refusal = core.access.refusal(of: &access) {
      carrier.leaveAfter(self)
      return abandon(delivery, because: HTTPProblem(refusal))
    }
    delivery.subscription.tick()
    guard delivery.hasBegun, !isOver else { return }
    let now = connection.loop.now
    if let deadline = delivery.deadline, now >= deadline {
      delivery.subscription.abandon()
      return endAnswer(delivery.text.timeout(), of: delivery)
    }
    if now >= delivery.lastSent + core.configuration.httpHeartbeat {
      write(delivery.text.heartbeat(SystemClock.wall()), of: delivery)
    }
  }
}

// MARK: - Pages in an order of their own

extension HTTPExchange {
  private func collect(_ range: BatchRange, _ batches: ByteString, _ delivery: EntryDelivery) {
    var entries: [LogEntry] = []
    do throws(WireDecodingError) {
      for batch in try Batch.run(batches) { try core.hub.decoder.append(entriesOf: batch, to: &entries) }
    } catch {
      return abandon(
        delivery, because: HTTPProblem(500, .internalError, "a stored batch cannot be read: \(error)"))
    }
    delivery.text.learn(entries, of: range.handle)
    guard delivery.page?.take(entries, range) == false else { return }
    delivery.subscription.abandon()
    finish(delivery)
  }

  private func finish(_ delivery: EntryDelivery) {
    guard var page = delivery.page else { return }
    respond(page.response(delivery.text.query.view) { delivery.text.origin($0) })
  }
}

// MARK: - What the subscription needs

extension HTTPExchange: SubscriptionHost, StatusLooker {
  var reads: ReadSlots { carrier.reads }
  var windowByteCount: Int { carrier.windowByteCount }

  /// The socket decides how much is delivered, this how much at once: entries take several times as much as text.
  func creditLeft(_ subscription: Subscription) -> Int { HTTPLimits.pieceByteCount }

  func hasRoom(for subscription: Subscription) -> Bool { !carrier.isFull(for: self) }

  func awaitTurn(_ subscription: Subscription) { carrier.awaitTurn(self) }

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription) {
    guard let delivery else { return }
    if delivery.page != nil { return collect(range, batches, delivery) }
    do throws(WireDecodingError) {
      let text = try delivery.text.write(batches, range, core.entryEncoder, decoder: &core.hub.decoder)
      write(text.bytes, of: delivery)
    } catch {
      return abandon(
        delivery, because: HTTPProblem(500, .internalError, "a stored batch cannot be read: \(error)"))
    }
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
      if delivery.page == nil { beginAnswer(delivery) }
    case .skip(let skip): write(delivery.text.skip(skip), of: delivery)
    case .live: write(delivery.text.live(), of: delivery)
    default: break
    }
  }

  func end(_ subscription: Subscription, _ reason: EndReason) {
    guard let delivery else { return }
    if delivery.page != nil { return finish(delivery) }
    endAnswer(delivery.text.end(reason), of: delivery)
  }

  func refuse(_ subscription: Subscription, _ refusal: Refusal) {
    if let delivery { fail(HTTPProblem(refusal), delivery) }
  }
}
