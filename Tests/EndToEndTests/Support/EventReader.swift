import Foundation

/// One event of a stream of events.
struct ServerSentEvent: Equatable {
  var id = ""
  var name = ""
  var data = ""

  var object: [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(data.utf8))) as? [String: Any] ?? [:]
  }
  var message: String { object["message"] as? String ?? "" }
}

/// Reads the events of an answer that does not end.
final class EventReader {
  let peer: HTTPPeer
  let head: HTTPPeer.Answer
  private var text: [UInt8] = []
  private(set) var lastID = ""

  convenience init(_ server: TestServer, _ target: String, _ headers: [String] = []) throws {
    try self.init(HTTPPeer(server), target, headers)
  }

  init(_ peer: HTTPPeer, _ target: String, _ headers: [String] = []) throws {
    self.peer = peer
    let lines = ["GET \(target) HTTP/1.1", "Host: localhost", "Accept: text/event-stream"] + headers
    try peer.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
    head = try peer.head()
  }

  /// The next event; comments and `retry` are not any.
  func next() throws -> ServerSentEvent {
    let deadline = ContinuousClock.now + Environment.patience
    while true {
      while let end = text.firstRange(of: Array("\n\n".utf8)) {
        let lines = String(decoding: text[..<end.lowerBound], as: UTF8.self).split(separator: "\n")
        text.removeSubrange(..<end.upperBound)
        var event = ServerSentEvent()
        for line in lines {
          let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
          let value = String(parts.last?.dropFirst() ?? "")
          switch parts.first {
          case "id": event.id = value
          case "event": event.name = value
          case "data": event.data = value
          default: break
          }
        }
        guard !event.name.isEmpty else { continue }
        lastID = event.id
        return event
      }
      // Comments come all the time.
      guard ContinuousClock.now < deadline else { throw Failure("no event came") }
      guard let piece = try peer.chunk() else { throw Failure("the stream has ended") }
      text += piece
    }
  }

  func nextAfterHeartbeats() throws -> ServerSentEvent {
    while true {
      let event = try next()
      if event.name != "heartbeat" { return event }
    }
  }

  func next(_ count: Int) throws -> [ServerSentEvent] { try (0..<count).map { _ in try next() } }

  /// Whether the stream is over.
  func hasEnded() throws -> Bool { try text.isEmpty && peer.chunk() == nil }
}
