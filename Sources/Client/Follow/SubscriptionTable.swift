internal import LogsSystem
internal import LogsWire

/// All subscriptions of a client: what to request on its connection, which events the applications get, and when to
/// repeat a request.
///
/// A value without I/O or clock. Each input produces actions, which are taken with `nextAction` and carried out in
/// order before the next input. Requests end with their connection; the subscriptions continue on the next one.
///
/// The types of this folder, from the application to the connection:
///
/// | type | what it is |
/// |---|---|
/// | `FollowSequence`, `EntrySequence` | what the application iterates: all events, or only the entries |
/// | `FollowEvent` | what it gets |
/// | `SubscriptionTerms` | what it wants to follow |
/// | `SubscriptionHandle` | held by its iterator; the subscription ends with the last copy of that |
/// | `EventBuffer` | events on their way from the loop to the task |
/// | `SubscriptionTable` | all subscriptions of a client |
/// | `ClientSubscription` | one of them, with its credit and refusals |
/// | `SubscriptionProgress` | its positions, from connection to connection, and what to request next |
/// | `SubscriptionPart` | one FOLLOW for it on this connection, and the answers so far |
///
/// In Wire, `Follow` is the message, `FollowStart` and `FollowEnd` its bounds, and `FollowTerms` what may answer it.
struct SubscriptionTable: ~Copyable {
  enum Action {
    /// Send the FOLLOW, and report its id with `asked`.
    case ask(Follow, Place)
    case credit(UInt32, total: UInt64)
    case cancel(UInt32)
    /// Pass the event to the application.
    case tell(UInt64, FollowEvent)
    /// The sequence of the application ends, with or without an error. The subscription is forgotten.
    case finish(UInt64, LogError?)
  }

  /// The part of a subscription that a request on the connection stands for.
  struct Place: Hashable {
    let key: UInt64
    let part: Int
  }

  private let backoff: Backoff
  private let random: (UInt64) -> UInt64
  private(set) var subscriptions: [UInt64: ClientSubscription] = [:]
  /// By the ids of the requests.
  private(set) var places: [UInt32: Place] = [:]
  /// Subscriptions that may have parts to request once the current events have been handled.
  private var unasked: Set<UInt64> = []
  /// When to request again after a refusal. A request for another reason ends the wait.
  private var retries: [UInt64: MonotonicTime] = [:]
  /// Whether there is a connection that accepts requests.
  private var isOpen = false
  private var actions = Deque<Action>()

  /// - Parameter random: draws from 0 to its argument, both included.
  init(backoff: Backoff, random: @escaping (UInt64) -> UInt64) {
    self.backoff = backoff
    self.random = random
  }

  var isEmpty: Bool { subscriptions.isEmpty }
  /// Whether there may be something to request, now or after a wait.
  var mayHaveWork: Bool { !unasked.isEmpty || !retries.isEmpty }

  /// Whether there is something to carry out.
  var hasActions: Bool { !actions.isEmpty }

  mutating func nextAction() -> Action? { actions.popFirst() }

  /// A request has been sent with this id.
  mutating func asked(_ place: Place, id: UInt32) {
    subscriptions[place.key]?.progress.parts[place.part].id = id
    places[id] = place
  }
}

// MARK: - The application

extension SubscriptionTable {
  /// - Parameter window: how many stored bytes may be in flight or wait for the application.
  mutating func begin(_ key: UInt64, _ terms: SubscriptionTerms, limits: FollowLimits, window: Int) {
    subscriptions[key] = ClientSubscription(progress: SubscriptionProgress(terms, limits: limits), window: window)
    ask(key)
  }

  /// The application has taken batches.
  mutating func taken(_ byteCount: Int, key: UInt64) {
    guard let subscription = subscriptions[key] else { return }
    subscription.waitingByteCount -= byteCount
    for part in subscription.nextTurns() { raiseCredit(subscription, part) }
  }

  /// The application wants no more.
  mutating func end(_ key: UInt64) { finish(key, nil) }

  /// Ends all subscriptions without an error.
  mutating func endAll(_ reason: EndReason) { for key in subscriptions.keys.sorted() { end(key, reason) } }

  mutating func failAll(_ error: LogError) { for key in subscriptions.keys.sorted() { finish(key, error) } }

  private mutating func end(_ key: UInt64, _ reason: EndReason) {
    tell(key, .ended(reason))
    finish(key, nil)
  }

  private mutating func finish(_ key: UInt64, _ error: LogError?) {
    guard subscriptions[key] != nil else { return }
    cancelParts(key)
    retries[key] = nil
    subscriptions[key] = nil
    actions.append(.finish(key, error))
  }

  private mutating func tell(_ key: UInt64, _ event: FollowEvent) {
    if subscriptions[key] != nil { actions.append(.tell(key, event)) }
  }
}

// MARK: - The connection

extension SubscriptionTable {
  /// The handshake is over: every subscription is requested, from its current positions.
  mutating func connected() {
    isOpen = true
    for key in subscriptions.keys.sorted() { ask(key) }
  }

  /// Nothing more may be requested on this connection.
  mutating func goingAway() {
    isOpen = false
    retries = [:]
  }

  /// The connection is gone.
  mutating func disconnected(_ error: LogError) {
    goingAway()
    places = [:]
    for key in subscriptions.keys.sorted() where subscriptions[key]?.isAsked == true {
      subscriptions[key]?.reset()
      interrupt(key, error)
    }
  }

  /// Requests what the events so far have made necessary, once for all of them, and repeats what was refused and has
  /// waited long enough.
  ///
  /// - Returns: when to call this again.
  mutating func resume(now: MonotonicTime) -> MonotonicTime? {
    if !unasked.isEmpty {
      for key in unasked.sorted() { askForParts(key) }
      unasked = []
    }
    guard !retries.isEmpty else { return nil }
    for key in retries.filter({ $0.value <= now }).keys.sorted() { ask(key) }
    return retries.values.min()
  }

  private mutating func ask(_ key: UInt64) {
    guard isOpen, subscriptions[key]?.isAsked == false else { return }
    retries[key] = nil
    subscriptions[key]?.isAsked = true
    subscriptions[key]?.progress.begin()
    askForParts(key)
  }

  /// Requests the parts that are due now.
  private mutating func askForParts(_ key: UInt64) {
    guard isOpen, subscriptions[key]?.isAsked == true else { return }
    if subscriptions[key]?.progress.isScattered == true {
      cancelParts(key)
      subscriptions[key]?.isAsked = true
      subscriptions[key]?.progress.regroup()
    }
    while let (number, wanted) = subscriptions[key]?.progress.nextPart() {
      var follow = wanted
      follow.credit = subscriptions[key]?.raise(number) ?? 0
      actions.append(.ask(follow, Place(key: key, part: number)))
    }
  }

  /// Cancels the requests of a subscription on this connection.
  private mutating func cancelParts(_ key: UInt64) {
    for part in subscriptions[key]?.progress.parts ?? [] where part.isOpen {
      places[part.id] = nil
      actions.append(.cancel(part.id))
    }
    subscriptions[key]?.reset()
  }

  /// The requests have failed and will be repeated.
  private mutating func interrupt(_ key: UInt64, _ error: LogError) {
    subscriptions[key]?.isInterrupted = true
    if let reason = subscriptions[key]?.progress.endReason { return end(key, reason) }
    tell(key, .interrupted(error))
  }

  private mutating func raiseCredit(_ subscription: ClientSubscription, _ part: Int) {
    guard let total = subscription.raise(part) else { return }
    actions.append(.credit(subscription.progress.parts[part].id, total: total))
  }
}

// MARK: - What the server sends

extension SubscriptionTable {
  mutating func announced(_ id: UInt32, _ announcement: Announcement) {
    guard let place = places[id] else { return }
    if subscriptions[place.key]?.progress.forgetFormer(of: announcement, part: place.part) == true {
      tell(place.key, .deleted(announcement.stream))
    }
    do throws(LogError) {
      if let stream = try subscriptions[place.key]?.progress.announced(announcement, part: place.part) {
        tell(place.key, .announced(stream))
      } else {
        unasked.insert(place.key)
      }
    } catch { finish(place.key, error) }
  }

  mutating func resolved(_ id: UInt32, now: MonotonicTime) {
    guard let place = places[id] else { return }
    let key = place.key
    unasked.insert(key)
    guard let resolution = subscriptions[key]?.progress.resolved(part: place.part) else { return }
    if let subscription = subscriptions[key], subscription.isInterrupted {
      subscriptions[key]?.isInterrupted = false
      tell(key, .resumed(at: subscription.progress.cursor))
    }
    if resolution == .first { tell(key, .resolved) }
    tellLive(key, now: now)
    endIfDone(key)
  }

  mutating func delivered(_ id: UInt32, _ delivery: ClientSession.Delivery) {
    guard let place = places[id], let subscription = subscriptions[place.key] else { return }
    subscription.received(delivery.byteCount, part: place.part)
    do throws(LogError) {
      if let batch = try subscription.progress.delivered(delivery, part: place.part) {
        subscription.refusalCount = 0
        subscription.waitingByteCount += delivery.byteCount
        actions.append(.tell(place.key, .batch(batch)))
      }
      raiseCredit(subscription, place.part)
      if let reason = subscription.progress.endsHere { end(place.key, reason) }
    } catch { finish(place.key, error) }
  }

  mutating func skipped(_ id: UInt32, _ skip: Skip) {
    guard let place = places[id] else { return }
    if let range = subscriptions[place.key]?.progress.skipped(skip, part: place.part) {
      tell(place.key, .skipped(range))
    }
    endIfDone(place.key)
  }

  mutating func headsMoved(_ id: UInt32, _ heads: [StreamHead]) {
    guard let place = places[id], let subscription = subscriptions[place.key] else { return }
    tell(place.key, .behind(subscription.progress.headsMoved(heads, part: place.part)))
  }

  mutating func live(_ id: UInt32, now: MonotonicTime) {
    guard let place = places[id] else { return }
    subscriptions[place.key]?.progress.live(part: place.part)
    tellLive(place.key, now: now)
  }

  private mutating func tellLive(_ key: UInt64, now: MonotonicTime) {
    guard subscriptions[key]?.progress.becomesLive() == true else { return }
    subscriptions[key]?.liveSince = now
    tell(key, .live)
  }

  mutating func ended(_ id: UInt32, _ reason: EndReason, now: MonotonicTime) {
    guard let place = close(id) else { return }
    let key = place.key
    if let told = subscriptions[key]?.progress.ended(reason, part: place.part) { return end(key, told) }
    unasked.insert(key)
    tellLive(key, now: now)
    endIfDone(key)
  }

  /// A request was refused. Unless a retry is useless, all parts of the subscription are requested again.
  mutating func refused(_ id: UInt32, _ refusal: Refusal, now: MonotonicTime) {
    guard let place = close(id) else { return }
    let key = place.key
    let error = LogError(refusal)
    if !error.isRetryable, let gone = refusal.lostStream,
      let loss = subscriptions[key]?.progress.lost(gone, part: place.part)
    {
      switch loss {
      case .isToldByPart: return
      case .goesOn(let wasKnown):
        cancelParts(key)
        if wasKnown { tell(key, .deleted(StreamName(stored: gone.name))) }
        return ask(key)
      case .ends: break
      }
    }
    guard error.isRetryable else { return finish(key, error) }
    if let since = subscriptions[key]?.liveSince, backoff.isHealthy(since: since, now: now) {
      subscriptions[key]?.refusalCount = 0
    }
    cancelParts(key)
    interrupt(key, error)
    guard let count = subscriptions[key]?.refusalCount else { return }
    subscriptions[key]?.refusalCount = count + 1
    // If the connection is lost meanwhile, the next one requests it.
    guard isOpen else { return }
    retries[key] = now + backoff.delay(attempt: count, retryAfter: error.retryAfter, random: random)
  }

  /// The session has forgotten a request: there is nothing to cancel.
  private mutating func close(_ id: UInt32) -> Place? {
    guard let place = places.removeValue(forKey: id) else { return nil }
    subscriptions[place.key]?.close(place.part)
    return place
  }

  private mutating func endIfDone(_ key: UInt64) {
    if let reason = subscriptions[key]?.progress.endsHere { end(key, reason) }
  }
}

extension Refusal {
  /// The stream that is not there, or is another one, if that is why a FOLLOW was refused.
  fileprivate var lostStream: StreamPosition? {
    switch code {
    case .streamReplaced: stream
    // Asked for by the name that a watch has told, and deleted meanwhile.
    case .cursorAhead: stream.flatMap { $0.incarnation == .any && $0.head == 0 ? $0 : nil }
    default: nil
    }
  }
}
