/// The reads that one client has under way: only a few at once, since more would hold up other clients' reads.
package final class ReadSlots {
  static let countMax = 4

  private var usedCount = 0
  private var waiting: ArraySlice<Subscription> = []

  package init() {}

  /// Whether another read may begin. If not, the subscription gets a turn when one of them ends.
  func hasRoom(for subscription: Subscription) -> Bool {
    guard usedCount >= Self.countMax else { return true }
    if !subscription.isWaitingForReader {
      subscription.isWaitingForReader = true
      waiting.append(subscription)
    }
    return false
  }

  /// A read has begun: `hasRoom` has allowed it, or it follows on one that has just ended.
  func begin() { usedCount += 1 }

  func end() {
    usedCount -= 1
    callWaiting()
  }

  /// Gives turns to those that wait, as many as may read. One that does not read after all leaves it to the next by
  /// calling this again.
  func callWaiting() {
    var freeCount = Self.countMax - usedCount
    while freeCount > 0, let subscription = waiting.popFirst() {
      subscription.isWaitingForReader = false
      guard !subscription.isOver else { continue }
      freeCount -= 1
      subscription.askForTurn()
    }
  }
}
