internal import LogsSystem
internal import LogsWire

/// What subscriptions need of their connection.
extension ServerConnection: SubscriptionHost {
  func begin(_ id: UInt32, _ follow: Follow) {
    if let refusal = refusal(toRead: follow.selectors) { return send(session.refuse(id, refusal)) }
    let subscription = core.hub.subscription(id, follow, host: self, rights: access.rights)
    subscriptions[id] = subscription
    subscription.begin()
  }

  func creditLeft(_ subscription: Subscription) -> Int { session.creditLeft(subscription.id) }

  /// Whether the socket has room.
  func hasRoom(for subscription: Subscription) -> Bool {
    guard isFull else { return true }
    waitingForTurn.append(subscription.id)
    return false
  }

  func awaitTurn(_ subscription: Subscription) { awaitTurn(subscription.id) }

  var takesDictionaries: Bool { session.takesDictionaries }

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription) {
    send(session.deliver(subscription.id, range, batches: batches))
  }

  func tell(_ message: Message, to subscription: Subscription) { send(session.tell(subscription.id, message)) }

  func end(_ subscription: Subscription, _ reason: EndReason) {
    subscriptions[subscription.id] = nil
    send(session.end(subscription.id, reason))
  }

  func refuse(_ subscription: Subscription, _ refusal: Refusal) {
    subscriptions[subscription.id] = nil
    send(session.refuse(subscription.id, refusal))
  }
}
