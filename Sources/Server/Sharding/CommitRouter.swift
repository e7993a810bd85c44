internal import LogsStore
internal import Synchronization

/// Brings what the writer has committed to the shards that have clients to notify: one hand-over per commit and
/// shard, however many entries it holds.
final class CommitRouter: StoreSink {
  private struct State {
    var shards: [Shard] = []
    var onFailure: (@Sendable (StoreError) -> Void)?
    /// The store failed before there was anybody to notify.
    var failure: StoreError?
  }

  private let state = Mutex(State())

  /// The shards that commits go to; none come before the server has opened them.
  func open(_ shards: [Shard]) { state.withLock { $0.shards = shards } }

  /// Calls `body`, at once if the store has failed already.
  func onFailure(_ body: @escaping @Sendable (StoreError) -> Void) {
    let failure = state.withLock { state in
      state.onFailure = body
      return state.failure
    }
    if let failure { body(failure) }
  }

  func committed(_ commit: Commit) {
    let shards = state.withLock { $0.shards }
    var replies = Array(repeating: [Reply](), count: shards.count)
    for reply in commit.replies where reply.token.shard < shards.count { replies[reply.token.shard].append(reply) }
    let (runs, deleted) = (commit.runs, commit.deleted)
    for (index, shard) in shards.enumerated() {
      let own = replies[index]
      let isFollowing = !(runs.isEmpty && deleted.isEmpty) && !shard.subscriptionCount.isZero
      guard isFollowing || !own.isEmpty else { continue }
      shard.execute { $0.take(replies: own, runs: runs, deleted: deleted) }
    }
  }

  func failed(_ error: StoreError) {
    let body = state.withLock { state in
      state.failure = error
      return state.onFailure
    }
    body?(error)
  }
}
