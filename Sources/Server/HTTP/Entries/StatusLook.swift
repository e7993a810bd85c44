internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// Who has a look back taken.
protocol StatusLooker: AnyObject {
  var reads: ReadSlots { get }
  var windowByteCount: Int { get }
  /// Calls `takeTurn` of the look's subscription soon.
  func awaitTurn(of look: StatusLook)
  /// It is over.
  func looked(_ look: StatusLook)
}

/// Looks for the last status entry of each stream of a request that names a container: it says whose the entries are.
///
/// Bounded: what has not been found in time is left to the stream's name.
final class StatusLook: SubscriptionHost {
  /// By the stream, without its container.
  private(set) var containers: [EntryOrigin: ContainerName] = [:]
  private(set) var subscription: Subscription?
  private let id: UInt32
  private unowned let looker: any StatusLooker
  private unowned let core: ShardCore
  private let rights: Rights
  private var origins = HandleTable<EntryOrigin>()

  private static let filter = try? Filter("kind:status container.id:*")

  /// - Parameter id: the looker's number for it.
  init(_ id: UInt32, for looker: any StatusLooker, core: ShardCore, rights: Rights) {
    (self.id, self.looker, self.core, self.rights) = (id, looker, core, rights)
  }

  func begin(_ selectors: [StreamSelector]) {
    let follow = Follow(
      credit: 0, selectors: selectors, start: .last(1), end: FollowEnd(atHead: true), filter: Self.filter)
    let subscription = core.hub.subscription(id, follow, host: self, rights: rights)
    self.subscription = subscription
    core.shard.loop.schedule(after: core.configuration.statusLookDuration) { [weak self] in self?.giveUp() }
    subscription.begin()
  }

  private func giveUp() {
    guard let subscription, !subscription.isOver else { return }
    subscription.abandon()
    looker.looked(self)
  }

  /// Nobody waits for it any more.
  func abandon() { subscription?.abandon() }

  // MARK: What the subscription needs

  var reads: ReadSlots { looker.reads }
  var windowByteCount: Int { looker.windowByteCount }
  func creditLeft(_ subscription: Subscription) -> Int { HTTPLimits.pieceByteCount }
  func hasRoom(for subscription: Subscription) -> Bool { true }
  func awaitTurn(_ subscription: Subscription) { looker.awaitTurn(of: self) }

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription) {
    let stream = origins[range.handle]
    var origin = stream
    var entries: [LogEntry] = []
    do throws(WireDecodingError) {
      for batch in try Batch.run(batches) { try core.hub.decoder.append(entriesOf: batch, to: &entries) }
    } catch {
      // Who reads the page or the follow meets it again, and reports it.
      return
    }
    origin.container = containers[origin]
    for entry in entries { origin.learn(entry) }
    containers[stream] = origin.container
  }

  func tell(_ message: Message, to subscription: Subscription) {
    guard case .stream(let stream) = message else { return }
    origins.announce(
      stream.handle, EntryOrigin(stream: stream.stream, incarnation: stream.incarnation, store: core.store.id))
  }

  func end(_ subscription: Subscription, _ reason: EndReason) { looker.looked(self) }

  /// The page or the follow is refused for the same reason, or needs no look back.
  func refuse(_ subscription: Subscription, _ refusal: Refusal) { looker.looked(self) }
}
