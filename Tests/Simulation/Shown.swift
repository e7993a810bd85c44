import LogsWire

/// Actions and events in short, for tables and traces.
extension ServerSession.Action {
  var shown: String {
    switch self {
    case .send(let frame): "send " + Shown.frame(frame)
    case .authorize(let client, let token): "authorize \(client) \(token)"
    case .append(let id, let append): "append \(id) \(append.stream) #\(append.number)"
    case .complete(let id, let complete): "complete \(id) \(complete.stream) #\(complete.number)"
    case .follow(let id, _): "follow \(id)"
    case .resume(let id): "resume \(id)"
    case .cancel(let id): "cancel \(id)"
    case .list(let id, _): "list \(id)"
    case .stat(let id): "stat \(id)"
    case .query(let id, _): "query \(id)"
    case .cancelQuery(let id): "cancelQuery \(id)"
    case .delete(let id, let request): "delete \(id) \(request.stream)\(request.isDryRun ? " dry" : "")"
    case .renew(let id, let token): "renew \(id) \(token)"
    case .close: "close"
    }
  }
}

extension ClientSession.Event {
  var shown: String {
    switch self {
    case .send(let frame): "send " + Shown.frame(frame)
    case .welcomed: "welcomed"
    case .acknowledged(let id, let stored):
      "acknowledged \(id) \(stored.firstSequence)+\(stored.count)\(stored.isDuplicate ? " duplicate" : "")"
    case .refused(let id, let refusal): "refused \(id) \(refusal.code)"
    case .announced(let id, let announcement): "announced \(id) \(announcement.stream) \(announcement.position)"
    case .resolved(let id): "resolved \(id)"
    case .delivered(let id, let delivery): "delivered \(id) \(delivery.from)-\(delivery.to)"
    case .skipped(let id, let skip): "skipped \(id) \(skip.from)-\(skip.to) \(skip.reason)"
    case .live(let id): "live \(id)"
    case .heads(let id, let heads): "heads \(id) \(heads.map { "\($0.handle):\($0.head)" }.joined(separator: " "))"
    case .ended(let id, let reason): "ended \(id) \(reason)"
    case .listed(let id, let listing): "listed \(id) \(listing.streams.count)"
    case .answered(let id, let facts): "answered \(id) \(facts.count)"
    case .progressed(let id, let progress): "progressed \(id) \(progress.entryCount)/\(progress.allEntryCount)"
    case .counted(let id, let result): "counted \(id) \(result.entryCount)"
    case .deleted(let id, let summary): "deleted \(id) \(summary.entryCount)"
    case .goingAway: "goingAway"
    case .challenged(let challenge): "challenged \(challenge.graceMilliseconds)"
    case .authorized(let id): "authorized \(id)"
    case .failed(let refusal): "failed \(refusal.code)"
    }
  }
}

enum Shown {
  static func frame(_ frame: OutgoingFrame) -> String {
    do {
      let bytes = ByteString(frame.head.array + frame.batches.array)
      var decoder = FrameDecoder(bodyByteCountMax: Limits.frameByteCountMax)
      var offset = 0
      guard let decoded = try decoder.next(from: bytes.span, at: &offset) else { return "nothing" }
      let id = decoded.id == 0 ? "" : " \(decoded.id)"
      switch try Message(decoding: decoded) {
      case .error(let refusal): return "error\(id) \(refusal.code)"
      case .ping(let token): return "ping \(token)"
      case .pong(let token): return "pong \(token)"
      case .ack(let ack):
        return
          "ack\(id)\(ack.appendCount > 1 ? " and \(ack.appendCount - 1) more" : "") \(ack.firstSequence)+\(ack.count)"
      case .batch(let range, _): return "batch\(id) \(range.from)-\(range.to)"
      case .skip(let skip): return "skip\(id) \(skip.from)-\(skip.to)"
      case .credit(let total): return "credit\(id) \(total)"
      default: return "\(decoded.type)\(id)"
      }
    } catch { return "\(error)" }
  }
}
