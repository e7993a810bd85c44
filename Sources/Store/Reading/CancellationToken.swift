internal import Synchronization

/// Whether a request to a reader thread is still wanted.
package final class CancellationToken: Sendable {
  private let flag = Atomic<Bool>(false)

  package init() {}

  /// Marks the request as no longer wanted; from any thread.
  package func cancel() { flag.store(true, ordering: .relaxed) }

  package var isCancelled: Bool { flag.load(ordering: .relaxed) }
}
