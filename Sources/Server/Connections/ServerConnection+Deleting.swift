internal import Glibc
internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// DELETE: who may, and the answer of the store.
extension ServerConnection {
  func begin(_ id: UInt32, _ request: DeleteRequest) {
    let process: PeerProcess
    switch permission(for: request) {
    case .success(let found): process = found
    case .failure(let refusal): return send(session.refuse(id, refusal))
    }
    let deletion = Deletion(
      stream: request.stream, incarnation: request.incarnation, numbers: request.numbers,
      author: "user \(process.user), process \(process.number)")
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

  /// The process that may delete. Until there are tokens with rights, it must run as the server's user, or as root.
  private func permission(for request: DeleteRequest) -> Result<PeerProcess, Refusal> {
    let user = geteuid()
    guard let process = connection.peerProcess, process.user == user || process.user == 0 else {
      let users = user == 0 ? "root (user 0)" : "user \(user) or root"
      return .failure(
        Refusal(.forbidden, "not allowed to delete: connect over the server's Unix socket (--listen-unix) as \(users)"))
    }
    guard !request.stream.text.hasPrefix("$") else {
      return .failure(Refusal(.forbidden, "the server's own stream '\(request.stream)' cannot be deleted"))
    }
    return .success(process)
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
