internal import LogsStore
internal import LogsWire

/// DELETE: which clients may, and the answer of the store.
extension ServerConnection {
  func begin(_ id: UInt32, _ request: DeleteRequest) {
    if let refusal = access.refusal(toDelete: request.stream) { return send(session.refuse(id, refusal)) }
    let deletion = Deletion(
      stream: request.stream, incarnation: request.incarnation, numbers: request.numbers,
      author: access.author)
    if request.isDryRun { return begin(id, .look(deletion)) }
    if let refusal = core.deletionRefusal { return send(session.refuse(id, refusal)) }
    deletions.insert(id)
    core.delete(deletion) { [weak self] result in self?.deleted(id, result) }
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
