import LogsWire

@testable import LogsClient
@testable import LogsSimulation

extension VirtualClient {
  /// Sends a DELETE, if there is a connection: nobody waits for one to delete something.
  func delete(_ request: DeleteRequest) {
    guard case .open = phase, session.canRequest else { return }
    let (id, frame) = session.delete(request)
    deletions[id] = request
    send(frame)
  }

  /// After a dry run all of what it has shown is deleted, and nothing of a stream that has the name by then.
  func deleted(_ id: UInt32, _ summary: DeletionSummary) {
    guard var request = deletions.removeValue(forKey: id) else {
      return checker.violate(.badInputHarmsNobody, "\(name) gets an answer to no deletion")
    }
    checker.deleted(request, summary, name)
    guard request.isDryRun else { return }
    (request.isDryRun, request.incarnation) = (false, summary.incarnation)
    delete(request)
  }

  /// One that may have taken effect is sent again only if that can do no harm.
  func deletionLost(_ request: DeleteRequest) {
    guard !request.isDryRun, request.incarnation != .any else { return }
    later(.milliseconds(100)) { [unowned self] in delete(request) }
  }
}
