internal import Synchronization

/// The subscriptions of one hub, for other threads: a hub without any need not hear of commits.
///
/// A subscription is counted before it looks at the catalog, which is published before a commit looks at this: a commit
/// that passes the hub by is one whose head the subscription has seen. That takes sequential consistency: each side
/// writes, then reads what the other has written.
package final class SubscriptionCount: Sendable {
  private let value = Atomic<Int>(0)

  package init() {}

  func add() { value.add(1, ordering: .sequentiallyConsistent) }
  func subtract() { value.subtract(1, ordering: .sequentiallyConsistent) }
  var isZero: Bool { value.load(ordering: .sequentiallyConsistent) == 0 }
}
