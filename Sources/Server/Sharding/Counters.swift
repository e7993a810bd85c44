internal import Synchronization

/// What the server counts, from all threads.
package final class Counters: Sendable {
  package init() {}

  struct Counter: ~Copyable, Sendable {
    private let value = Atomic<Int>(0)
    func add(_ delta: Int) { value.add(delta, ordering: .relaxed) }
    var current: Int { value.load(ordering: .relaxed) }
  }

  let connections = Counter()
  let acceptedConnections = Counter()
  let refusedConnections = Counter()
  /// HELLOs with a wrong token, or without one that was wanted.
  let refusedTokens = Counter()
  let subscriptions = Counter()
  let followedStreams = Counter()
  let queries = Counter()
  /// The same of each client, by its token, address or user.
  let clientQueries = HolderCounts()
  let begunQueries = Counter()
  let webSockets = Counter()
  let http = HTTPCounts()
  /// Entries that followers wanted and cannot have.
  let skippedEntries = ReasonCounts()
  let deletions = Counter()
  let deliveredEntries = Counter()
  let deliveredBytes = Counter()
}
