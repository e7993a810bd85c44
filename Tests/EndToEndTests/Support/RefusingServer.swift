import Glibc
import LogsSystem
import LogsWire

/// A server that completes the handshake and then refuses everything, forever.
final class RefusingServer: Sendable {
  let url: String

  /// - Parameter refusal: the answer to every append; nil closes the connection instead.
  init(_ scene: Scene, _ refusal: Refusal?) throws {
    let (listener, port) = try Sockets.listen()
    url = "logs://127.0.0.1:\(port)"
    scene.atEnd {
      shutdown(listener, Int32(SHUT_RDWR))
      close(listener)
    }
    Threads.start {
      while true {
        let client = accept(listener, nil, nil)
        if client < 0 { return }
        Threads.start { Self.serve(client, refusal) }
      }
    }
  }

  private static func serve(_ client: Int32, _ refusal: Refusal?) {
    defer { close(client) }
    let welcome = Welcome(
      frameByteCountMax: 4 << 20, server: .random(), store: .random(), heartbeatMilliseconds: 10_000,
      appendByteCountMax: 8 << 20, appendBatchCountMax: 256, subscriptionCountMax: 16, name: "refusing")
    var session = ServerSession(
      configuration: ServerSession.Configuration(welcome: welcome, handshakeMillisecondsMax: 10_000), now: .now())
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(client, &buffer, buffer.count, 0)
      if count <= 0 { return }
      var actions = session.receive(buffer.span.bytes.extracting(0..<count), now: .now())
      while !actions.isEmpty {
        switch actions.removeFirst() {
        case .authorize: actions = session.decide(.accepted, now: .now())
        case .send(let frame): send(frame, to: client)
        case .append(let id, _), .complete(let id, _):
          guard let refusal else { return }
          send(session.refuse(id, refusal), to: client)
        case .follow, .resume, .cancel, .list, .stat, .query, .cancelQuery, .delete, .renew: break
        case .close: return
        }
      }
    }
  }

  private static func send(_ frame: OutgoingFrame?, to client: Int32) {
    guard let frame else { return }
    let bytes = frame.head.array + frame.batches.array
    _ = Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
