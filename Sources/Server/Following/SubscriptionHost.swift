package import LogsWire

/// The owner of a client's subscriptions: passes on what they deliver and announce, and gives them turns.
///
/// Everything is called on the thread of the subscription's hub, some of it for each delivery.
package protocol SubscriptionHost: AnyObject {
  /// The reads that its subscriptions have under way.
  var reads: ReadSlots { get }

  /// Output that may be queued before its subscriptions have to wait.
  var windowByteCount: Int { get }

  /// Whether there is room for output. If not, the subscription gets a turn when there is.
  func hasRoom(for subscription: Subscription) -> Bool

  /// Stored bytes that the client still takes. While any are left a batch may be sent, which may overdraw them. When
  /// there are some again, the host calls `pump`.
  func creditLeft(_ subscription: Subscription) -> Int

  /// Calls `takeTurn` soon, once however often it is asked before.
  func awaitTurn(_ subscription: Subscription)

  /// Whether batches may come with a dictionary that they need.
  var takesDictionaries: Bool { get }

  /// Whether the client has it already.
  func hasDictionary(_ dictionary: BatchDictionary) -> Bool

  /// Called before a delivery whose batches need it, if `takesDictionaries`.
  func introduce(_ dictionary: BatchDictionary)

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription)

  /// STREAM, RESOLVED, SKIP, LIVE or HEADS.
  func tell(_ message: Message, to subscription: Subscription)

  /// The last call about a subscription: it is over.
  func end(_ subscription: Subscription, _ reason: EndReason)

  /// The last call about a subscription: it cannot be carried out.
  func refuse(_ subscription: Subscription, _ refusal: Refusal)
}

/// A host that takes batches apart itself gets them without dictionaries.
extension SubscriptionHost {
  package var takesDictionaries: Bool { false }
  package func hasDictionary(_ dictionary: BatchDictionary) -> Bool { false }
  package func introduce(_ dictionary: BatchDictionary) { preconditionFailure("this host takes no dictionaries") }
}
