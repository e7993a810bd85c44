import Foundation
import LogsTransport

/// A client of a WebSocket, which sends exactly what a test wants.
final class WebSocketPeer {
  let peer: HTTPPeer
  let head: HTTPPeer.Answer
  private let reader: WebSocketReader

  convenience init(
    _ server: TestServer, _ target: String, _ headers: [String] = [], host: String = "localhost",
    isCompressed: Bool = false
  ) throws {
    try self.init(HTTPPeer(server), target, headers, host: host, isCompressed: isCompressed)
  }

  init(
    _ peer: HTTPPeer, _ target: String, _ headers: [String] = [], host: String = "localhost",
    isCompressed: Bool = false
  ) throws {
    self.peer = peer
    let offer = isCompressed ? ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"] : []
    let lines =
      [
        "GET \(target) HTTP/1.1", "Host: \(host)", "Connection: keep-alive, Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ] + offer + headers
    try peer.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
    head = try peer.head()
    reader = WebSocketReader(.client, byteCountMax: 1 << 20, inflates: isCompressed)
  }

  private var waiting: ArraySlice<WebSocketReader.Event> = []

  func next() throws -> WebSocketReader.Event {
    while true {
      if let event = waiting.popFirst() { return event }
      guard let bytes = peer.bytes() else { throw Failure("the server has closed") }
      let (events, answer) = reader.receive(bytes.span.bytes)
      try peer.send(answer)
      waiting += events
    }
  }

  /// The next message, which is a JSON object.
  func object() throws -> [String: Any] {
    let event = try next()
    guard case .text(let text) = event,
      let object = try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any]
    else { throw Failure("no object: \(event)") }
    return object
  }

  /// The next message of a subscription that has an entry.
  func message() throws -> String { (try object()["log"] as? [String: Any])?["message"] as? String ?? "" }

  func send(_ text: String) throws {
    var bytes: [UInt8] = []
    WebSocketFrame.append(.text, Array(text.utf8)[...], mask: 0x0102_0304, to: &bytes)
    try peer.send(bytes)
  }
}
