internal import Synchronization

/// Whether what was asked of a reader thread is still wanted.
package final class CancellationToken: Sendable {
  private let flag = Atomic<Bool>(false)

  package init() {}

  /// Nobody waits any more; from any thread.
  package func cancel() { flag.store(true, ordering: .relaxed) }

  var isCancelled: Bool { flag.load(ordering: .relaxed) }
}
