internal import LogsTransport
internal import LogsWire

extension ClientCore {
  func follow(_ terms: SubscriptionTerms, buffer: EventBuffer, key: UInt64) {
    guard !isClosed, !isShuttingDown else { return buffer.finish(throwing: .closed) }
    buffers[key] = buffer
    subscriptions.begin(
      key, terms, limits: configuration.followLimits, window: terms.window ?? configuration.followCreditByteCount)
    start()
    carryOutFollows()
  }

  /// The application has taken batches.
  func taken(_ byteCount: Int, key: UInt64) {
    subscriptions.taken(byteCount, key: key)
    carryOutFollows()
  }

  /// The application wants no more.
  func endFollow(_ key: UInt64) {
    subscriptions.end(key)
    carryOutFollows()
  }

  /// Carries out the actions for subscriptions.
  func carryOutFollows() {
    guard subscriptions.hasActions else { return }
    while let action = subscriptions.nextAction() {
      switch action {
      case .ask(let follow, let place): if let id = openLink?.follow(follow) { subscriptions.asked(place, id: id) }
      case .credit(let id, let total): link?.credit(id, total: total)
      case .cancel(let id): link?.cancel(id)
      case .tell(let key, let event): buffers[key]?.append(event)
      case .finish(let key, let error): buffers.removeValue(forKey: key)?.finish(throwing: error)
      }
    }
  }
}
