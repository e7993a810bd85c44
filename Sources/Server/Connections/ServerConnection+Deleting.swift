internal import Glibc
internal import LogsStore
internal import LogsWire

/// DELETE: which clients may, and the answer of the store.
extension ServerConnection {
  func begin(_ id: UInt32, _ request: DeleteRequest) {
    if let refusal = refusal(toDelete: request.stream) { return send(session.refuse(id, refusal)) }
    let deletion = Deletion(
      stream: request.stream, incarnation: request.incarnation, numbers: request.numbers,
      author: access.author)
    if request.isDryRun { return begin(id, .look(deletion)) }
    let limit = Limits.deletionCountMax
    guard core.counters.deletions.current < limit else {
      let refusal = Refusal(
        .overloaded, "the server has \(limit) deletions under way, which is as many as it takes at once",
        isRetryable: true, retryAfterMilliseconds: 100, limit: .init("deletions", UInt64(limit)))
      return send(session.refuse(id, refusal))
    }
    deletions.insert(id)
    core.delete(deletion) { [weak self] result in self?.deleted(id, result) }
  }

  private func refusal(toDelete stream: StreamName) -> Refusal? {
    guard !stream.text.hasPrefix("$") else {
      return Refusal(.forbidden, "the server's own stream '\(stream)' cannot be deleted")
    }
    guard let refusal = refusal(.delete, stream) else { return nil }
    // Without a token everybody may append and read, but not delete.
    guard access.hash == nil else { return refusal }
    let user = geteuid()
    let users = user == 0 ? "root (user 0)" : "user \(user) or root"
    return Refusal(
      .forbidden,
      """
      not allowed to delete: use a token with delete:\(stream), or connect over the server's Unix socket \
      (--listen-unix) as \(users)
      """)
  }

  /// The store is done. Nobody may wait for it any more.
  private func deleted(_ id: UInt32, _ result: Result<DeletionSummary, Refusal>) {
    guard deletions.remove(id) != nil else { return }
    answer(id, result)
    closeIfDone()
  }

  func answer(_ id: UInt32, _ result: Result<DeletionSummary, Refusal>) {
    switch result {
    case .success(let summary): send(session.answer(id, .deleted(summary)))
    case .failure(let refusal): send(session.refuse(id, refusal))
    }
  }
}
