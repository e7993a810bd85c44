internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// Looks for the last status entry of each stream of a request that names a container: it says whose the entries are.
///
/// Bounded: what has not been found in time is left to the stream's name.
final class StatusLook: SubscriptionHost {
  /// By the stream, without its container.
  private(set) var containers: [EntryOrigin: ContainerName] = [:]
  private(set) var subscription: Subscription?
  private unowned let exchange: HTTPExchange
  /// The streams by their handles.
  private var origins: [EntryOrigin] = []

  private static let filter = try? Filter("kind:status container.id:*")

  init(_ exchange: HTTPExchange) { self.exchange = exchange }

  func begin(_ selectors: [StreamSelector]) {
    let follow = Follow(
      credit: 0, selectors: selectors, start: .last(1), end: FollowEnd(atHead: true), filter: Self.filter)
    let subscription = exchange.core.hub.subscription(
      exchange.id, follow, host: self, rights: exchange.access.rights)
    self.subscription = subscription
    exchange.connection.loop.schedule(after: HTTPLimits.statusLookDuration) { [weak self] in self?.giveUp() }
    subscription.begin()
  }

  private func giveUp() {
    guard let subscription, !subscription.isOver else { return }
    subscription.abandon()
    exchange.looked(self)
  }

  // MARK: What the subscription needs

  var reads: ReadSlots { exchange.carrier.reads }
  var windowByteCount: Int { exchange.carrier.windowByteCount }
  func creditLeft(_ subscription: Subscription) -> Int { HTTPLimits.pieceByteCount }
  func hasRoom(for subscription: Subscription) -> Bool { true }
  func awaitTurn(_ subscription: Subscription) { exchange.carrier.awaitTurn(exchange) }

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription) {
    var origin = origins[Int(range.handle)]
    var entries: [LogEntry] = []
    do throws(WireDecodingError) {
      for batch in try Batch.run(batches) { try exchange.core.hub.decoder.append(entriesOf: batch, to: &entries) }
    } catch {
      // Who reads the page or the follow meets it again, and reports it.
      return
    }
    origin.container = containers[origin]
    for entry in entries { origin.learn(entry) }
    containers[origins[Int(range.handle)]] = origin.container
  }

  func tell(_ message: Message, to subscription: Subscription) {
    guard case .stream(let stream) = message else { return }
    origins.append(
      EntryOrigin(stream: stream.stream, incarnation: stream.incarnation, store: exchange.core.store.id))
  }

  func end(_ subscription: Subscription, _ reason: EndReason) { exchange.looked(self) }

  /// The page or the follow is refused for the same reason, or needs no look back.
  func refuse(_ subscription: Subscription, _ refusal: Refusal) { exchange.looked(self) }
}
