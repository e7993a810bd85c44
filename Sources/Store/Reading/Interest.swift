internal import Synchronization

/// Whether somebody still waits for what was asked of a reader thread.
package final class Interest: Sendable {
  private let isAlive = Atomic<Bool>(true)

  package init() {}

  /// Nobody waits any more; from any thread.
  package func end() { isAlive.store(false, ordering: .relaxed) }

  var hasEnded: Bool { !isAlive.load(ordering: .relaxed) }
}
