import LogsWire

@testable import LogsSimulation

extension Checker {
  /// P2: what the server reports to a client as deleted is gone for good, and nothing but that.
  func deleted(_ request: DeleteRequest, _ summary: DeletionSummary, _ client: String) {
    tally.deletionCount += 1
    guard let stream = server.disk.stream(summary.incarnation), stream.name == request.stream,
      request.incarnation == .any || request.incarnation == summary.incarnation
    else { return violate(.order, "\(client) deletes of \(request.stream) in another stream") }
    let numbers = summary.numbers.map { Array($0) } ?? []
    let wanted = request.numbers ?? 1...stream.head
    if UInt64(numbers.count) < summary.entryCount || !numbers.allSatisfy(wanted.contains) {
      violate(.order, "of \(wanted) the server reports \(summary) to \(client)")
    }
    guard !request.isDryRun else { return }
    let isGone = request.numbers == nil ? stream.isDeleted : numbers.allSatisfy { stream.removed[$0] != nil }
    if !isGone, !stream.isDeleted { violate(.durable, "\(wanted) is reported to \(client) as deleted, and is there") }
  }

  /// A deletion is refused for what it asks for, or for a moment.
  func refused(_ request: DeleteRequest, _ refusal: Refusal, _ client: String) {
    switch refusal.code {
    case .unknownStream: break
    case .streamReplaced where request.incarnation != .any: break
    case .overloaded, .goingAway: break
    default: violate(.badInputHarmsNobody, "\(client) may not delete: \(refusal)")
    }
  }
}
