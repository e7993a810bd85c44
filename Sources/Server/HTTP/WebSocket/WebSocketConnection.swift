internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// A client of a WebSocket that gets entries as JSON: those of the address that it opened, and of the subscriptions
/// that it asks for in messages.
///
/// Lives on its shard's loop, like everything it owns.
final class WebSocketConnection: ShardClient, ConnectionHandler {
  let id: UInt64
  let connection: Connection
  let reads = ReadSlots()
  private unowned let core: ShardCore
  private var access: AccessControl.Access
  private let reader: WebSocketReader
  private let deflater: MessageDeflater?
  private var deliveries: [UInt32: SocketDelivery] = [:]
  private var lastID: UInt32 = 0
  private var waitingForTurn = UniqueQueue<UInt32>()
  private var highWatermark = 0
  private var lastSent: MonotonicTime
  private var isClosing = false

  /// How long a close waits for the client's.
  private static let lingerDuration = Duration.seconds(2)

  init(
    id: UInt64, connection: Connection, core: ShardCore, access: AccessControl.Access, isCompressed: Bool,
    query: EntryQuery?
  ) {
    self.id = id
    self.connection = connection
    self.core = core
    self.access = access
    reader = WebSocketReader(.server, byteCountMax: HTTPLimits.messageByteCountMax, inflates: isCompressed)
    deflater = isCompressed ? core.deflater : nil
    lastSent = connection.loop.now
    setWatermarks()
    core.counters.webSockets.add(1)
    if let query { begin(query, name: nil, credit: nil) }
  }

  // MARK: Output

  private func setWatermarks() {
    guard windowByteCount != highWatermark else { return }
    highWatermark = windowByteCount
    connection.setWatermarks(low: highWatermark / 4, high: highWatermark)
  }

  private var isFull: Bool {
    setWatermarks()
    return connection.isAboveHighWatermark
  }

  private func send(_ bytes: [UInt8]) { send(ByteString(bytes)) }

  private func send(_ bytes: ByteString) {
    guard !bytes.isEmpty, !isClosing else { return }
    lastSent = connection.loop.now
    connection.send(bytes)
  }

  /// Ends it, with the reason.
  private func close(_ code: UInt16, _ reason: String) {
    guard !isClosing else { return }
    var frame: [UInt8] = []
    WebSocketFrame.append(.close, WebSocketFrame.closePayload(code, reason)[...], to: &frame)
    send(frame)
    finish()
  }

  private func finish() {
    isClosing = true
    abandonAll()
    connection.closeLingering(for: Self.lingerDuration)
  }

  private func abandonAll() {
    for delivery in deliveries.values { delivery.abandon() }
    deliveries.removeAll()
  }

  // MARK: Messages

  private func perform(_ text: [UInt8]) {
    var id: String?
    do throws(HTTPProblem) {
      let message = try JSONObject.message(text)
      id = try? message.id()
      switch try SocketCommand(message, now: SystemClock.wall()) {
      case .subscribe(let subscribe):
        guard delivery(named: subscribe.id) == nil else {
          throw HTTPProblem(
            400, "there is a subscription '\(subscribe.id)' already; unsubscribe first, or choose another id")
        }
        begin(subscribe.query, name: subscribe.id, credit: subscribe.credit)
      case .unsubscribe(let name): try named(name).subscription.cancel()
      case .pause(let name): try named(name).isPaused = true
      case .resume(let name):
        let delivery = try named(name)
        delivery.isPaused = false
        delivery.pump()
      case .credit(let name, let count):
        let delivery = try named(name)
        delivery.grant(count)
        delivery.pump()
      }
    } catch { tell(error, id) }
  }

  private func delivery(named name: String) -> SocketDelivery? { deliveries.values.first { $0.name == name } }

  private func named(_ name: String) throws(HTTPProblem) -> SocketDelivery {
    guard let delivery = delivery(named: name) else { throw HTTPProblem(400, "there is no subscription '\(name)'") }
    return delivery
  }

  /// An error that ends no subscription.
  ///
  /// - Parameter id: what the message is about, if it says so.
  private func tell(_ problem: HTTPProblem, _ id: String? = nil) {
    var json = JSONWriter()
    json.object { json in
      json.key("type")
      json.string("error")
      if let id {
        json.key("id")
        json.string(id)
      }
      json.key("error")
      problem.write(to: &json)
    }
    var frame: [UInt8] = []
    WebSocketFrame.append(.text, json.bytes[...], to: &frame)
    send(frame)
  }

  // MARK: Subscriptions

  /// - Parameter name: nil for that of the address.
  private func begin(_ query: EntryQuery, name: String?, credit: UInt64?) {
    lastID &+= 1
    let subscription = core.hub.subscription(lastID, query.follow, host: self, rights: access.rights)
    var text = EntryText(query, store: core.store.id)
    text.deflater = deflater
    let delivery = SocketDelivery(subscription, text, name: name, credit: credit)
    deliveries[lastID] = delivery
    for case .stream(let stream) in query.follow.selectors {
      if let refusal = access.refusal(.read, stream) { return fail(delivery, HTTPProblem(refusal)) }
    }
    guard deliveries.count <= core.configuration.subscriptionCountMax else {
      let limit = core.configuration.subscriptionCountMax
      let refusal = Refusal(
        .tooManySubscriptions, "a WebSocket has at most \(limit) subscriptions at once", isRetryable: true,
        limit: .init("subscriptions", UInt64(limit)))
      return fail(delivery, HTTPProblem(refusal))
    }
    guard query.view == .container else { return subscription.begin() }
    let look = StatusLook(lastID, for: self, core: core, rights: access.rights)
    delivery.beginLook(look)
    look.begin(query.follow.selectors)
  }

  /// Ends a subscription, and with that of the address the connection.
  private func fail(_ delivery: SocketDelivery, _ problem: HTTPProblem) {
    delivery.abandon()
    send(delivery.text.problem(problem) ?? [])
    end(delivery, problem.refusal.isRetryable ? 1013 : 1008, problem.refusal.text)
  }

  private func end(_ delivery: SocketDelivery, _ code: UInt16, _ reason: String) {
    delivery.abandon()
    deliveries[delivery.subscription.id] = nil
    if delivery.name == nil { close(code, reason) }
  }
}

// MARK: - What subscriptions need

extension WebSocketConnection: SubscriptionHost, StatusLooker {
  var windowByteCount: Int {
    core.isOutputShort ? HTTPLimits.shortOutputByteCount : core.configuration.outputByteCountMax
  }

  func creditLeft(_ subscription: Subscription) -> Int {
    deliveries[subscription.id]?.byteCountLeft ?? 0
  }

  func hasRoom(for subscription: Subscription) -> Bool { !isFull }

  func awaitTurn(_ subscription: Subscription) { awaitTurn(of: subscription.id) }

  func awaitTurn(of look: StatusLook) { if let subscription = look.subscription { awaitTurn(of: subscription.id) } }

  private func awaitTurn(of id: UInt32) {
    waitingForTurn.append(id)
    if !isFull { core.awaitTurn(self) }
  }

  func looked(_ look: StatusLook) { look.subscription.flatMap { deliveries[$0.id] }?.endLook(look) }

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription) {
    guard let delivery = deliveries[subscription.id] else { return }
    do throws(WireDecodingError) {
      let text = try delivery.text.write(batches, range, core.entryEncoder, decoder: &core.hub.decoder)
      delivery.spend(text.entryCount)
      send(text.bytes)
    } catch {
      return fail(delivery, HTTPProblem(500, .internalError, "a stored batch cannot be read: \(error)"))
    }
  }

  func tell(_ message: Message, to subscription: Subscription) {
    guard let delivery = deliveries[subscription.id] else { return }
    switch message {
    case .stream(let stream):
      delivery.text.announce(stream)
      if let refusal = delivery.text.cursorRefusal { fail(delivery, HTTPProblem(refusal)) }
    case .resolved: send(delivery.text.subscribed())
    case .skip(let skip): send(delivery.text.skip(skip))
    case .live: send(delivery.text.live())
    default: break
    }
  }

  func end(_ subscription: Subscription, _ reason: EndReason) {
    guard let delivery = deliveries[subscription.id] else { return }
    send(delivery.text.end(reason))
    end(delivery, 1000, "\(reason)")
  }

  func refuse(_ subscription: Subscription, _ refusal: Refusal) {
    if let delivery = deliveries[subscription.id] { fail(delivery, HTTPProblem(refusal)) }
  }
}

// MARK: - What the shard and the socket tell

extension WebSocketConnection {
  func received(_ bytes: RawSpan, on connection: Connection) {
    guard !isClosing else { return }
    let (events, answer) = reader.receive(bytes)
    send(answer)
    for event in events where !isClosing {
      switch event {
      case .text(let text): perform(text)
      case .binary: close(1003, "messages are text here; the binary protocol is at /api/v1/wire")
      case .closed: finish()
      }
    }
    // Answers to messages have to wait, too.
    if isFull { connection.pauseReading() }
  }

  func inputEnded(on connection: Connection) { if !isClosing { finish() } }

  func drained(_ connection: Connection) {
    connection.resumeReading()
    if !waitingForTurn.isEmpty { core.awaitTurn(self) }
  }

  func closed(_ connection: Connection, reason: CloseReason) {
    isClosing = true
    abandonAll()
    core.counters.webSockets.add(-1)
    core.forget(self)
  }

  /// Appends are none of its messages.
  func settle(_ request: UInt32, _ outcome: WriteOutcome) {}

  func takeTurn() -> Bool {
    var turn = Turn()
    while !turn.isOver, !isFull, let id = waitingForTurn.popFirst() {
      turn.spend(.begin)
      deliveries[id]?.takeTurn(&turn)
    }
    return !waitingForTurn.isEmpty && !isFull
  }

  /// Checks the deadlines.
  func tick() {
    let now = connection.loop.now
    if connection.pendingByteCount > 0, now >= connection.lastProgress + core.configuration.outputStallDurationMax {
      return connection.close()
    }
    guard !isClosing else { return }
    if let refusal = core.access.refusal(of: &access) {
      tell(HTTPProblem(refusal))
      return close(1008, refusal.text)
    }
    for id in deliveries.keys.sorted() { deliveries[id]?.tick() }
    // A client that is gone answers no ping, and its socket breaks.
    if now >= lastSent + core.configuration.httpHeartbeat, connection.pendingByteCount == 0 {
      var frame: [UInt8] = []
      WebSocketFrame.append(.ping, [], to: &frame)
      // Scripts in a page see no pings.
      if deliveries.values.contains(where: { $0.name != nil }) { appendHeartbeat(to: &frame) }
      send(frame)
    }
  }

  private func appendHeartbeat(to frame: inout [UInt8]) {
    var json = JSONWriter()
    json.object { json in
      json.key("type")
      json.string("heartbeat")
      json.key("heartbeat")
      json.object { json in
        json.key("timestamp")
        json.time(SystemClock.wall())
      }
    }
    WebSocketFrame.append(.text, json.bytes[...], to: &frame)
  }

  func drain(_ goAway: GoAway) { close(1001, goAway.text) }

  func abandon() { connection.close() }
}

/// A subscription of a WebSocket.
final class SocketDelivery {
  let subscription: Subscription
  /// What the client calls it; nil for that of the address.
  let name: String?
  var text: EntryText
  var isPaused = false
  /// Entries that may still be sent; nil for any number.
  private var credit: UInt64?
  /// Looks for the containers first. Kept to the end: its subscription may be on the stack when it is over.
  private var look: StatusLook?
  private var isLooking = false

  init(_ subscription: Subscription, _ text: EntryText, name: String?, credit: UInt64?) {
    self.subscription = subscription
    self.text = text
    self.name = name
    self.credit = credit
  }

  func beginLook(_ look: StatusLook) { (self.look, isLooking) = (look, true) }

  func endLook(_ look: StatusLook) {
    guard isLooking, look === self.look, !subscription.isOver else { return }
    isLooking = false
    text.containers = look.containers
    subscription.begin()
  }

  func takeTurn(_ turn: inout Turn) {
    if isLooking { look?.subscription?.takeTurn(&turn) } else { subscription.takeTurn(&turn) }
  }

  func pump() { if !isLooking { subscription.pump() } }

  func tick() { if !isLooking { subscription.tick() } }

  func abandon() {
    look?.abandon()
    subscription.abandon()
  }

  /// Stored bytes that may be delivered. What is left of a batch comes, too, so few entries allow few bytes.
  var byteCountLeft: Int {
    guard !isPaused else { return 0 }
    let (byteCount, isLarge) = (credit ?? .max).multipliedReportingOverflow(by: 64)
    return isLarge ? HTTPLimits.pieceByteCount : Int(min(byteCount, UInt64(HTTPLimits.pieceByteCount)))
  }

  func grant(_ count: UInt64) {
    if let credit { self.credit = credit.addingReportingOverflow(count).overflow ? .max : credit + count }
  }

  /// The last batch may overdraw it.
  func spend(_ count: Int) { credit = credit.map { $0 - min($0, UInt64(count)) } }
}
