import LogsTransport
import LogsWire
import Testing

@testable import LogsServer
@testable import LogsSimulation

/// Bytes that no client should send, made of some that it may: nothing crashes, and however they are cut, the same
/// comes of them.
@Suite struct HTTPFuzzTests {
  /// Changes, removes and doubles some bytes.
  private static func damaged(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes[place] = .random(in: 0...255, using: &random)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
      case 2: bytes.remove(at: place)
      default: bytes.insert(contentsOf: bytes[place..<min(place + 9, bytes.count)], at: place)
      }
    }
    return bytes
  }

  /// Calls `take` with the bytes in pieces.
  private static func feed(_ bytes: [UInt8], _ random: inout SeededGenerator, _ take: ([UInt8]) -> Void) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(Int.random(in: 1...40, using: &random)))
      rest = rest.dropFirst(piece.count)
      take(piece)
    }
  }

  @Test(arguments: 1...300 as ClosedRange<UInt64>) func `a WebSocket's reader takes anything`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let deflater = MessageDeflater()
    var bytes: [UInt8] = []
    for opcode in [WebSocketFrame.Opcode.text, .ping, .binary, .text, .close] {
      let payload = (0..<Int.random(in: 0...140, using: &random)).map { _ in UInt8.random(in: 32...126, using: &random)
      }
      let isControl = opcode == .ping || opcode == .close
      let sent =
        opcode == .close ? WebSocketFrame.closePayload(1000, "") : isControl ? Array(payload.prefix(100)) : payload
      var frame: [UInt8] = []
      WebSocketFrame.append(opcode, sent[...], mask: .random(in: 0...UInt32.max, using: &random), to: &frame)
      bytes += frame
    }
    bytes += deflater.deflate(bytes[...])
    bytes = Self.damaged(bytes, &random)
    let outcomes = (0..<2).map { _ in
      let reader = WebSocketReader(.server, byteCountMax: 120, inflates: seed.isMultiple(of: 2))
      var events: [WebSocketReader.Event] = []
      Self.feed(bytes, &random) { events += reader.receive($0.span.bytes).events }
      return events
    }
    #expect(outcomes[0] == outcomes[1], "seed \(seed)")
    #expect(outcomes[0].filter { if case .closed = $0 { true } else { false } }.count <= 1, "seed \(seed)")
  }

  /// GET / of localhost with fields of the static table, and some bytes of a body.
  private static let request: [UInt8] = {
    func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
      [0, 0, UInt8(payload.count), type, flags, 0, 0, 0, stream] + payload
    }
    let head: [UInt8] = [0x83, 0x84, 0x86, 0x41, 9] + Array("localhost".utf8)
    let body = Array("some bytes of a body".utf8)
    return HTTP2Session.preface + frame(4, 0, 0, []) + frame(1, 4, 1, head) + frame(0, 1, 1, body)
      + frame(8, 0, 0, [0, 0, 1, 0]) + frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]) + frame(1, 5, 3, head)
      + frame(3, 0, 3, [0, 0, 0, 8])
  }()

  @Test(arguments: 1...300 as ClosedRange<UInt64>) func `a session of HTTP 2 takes anything`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let bytes = Self.damaged(Self.request, &random)
    let session = HTTP2Session()
    var isBroken = false
    Self.feed(bytes, &random) { piece in
      guard !isBroken else { return }
      guard let events = session.receive(piece.span.bytes) else { return isBroken = true }
      for event in events {
        if case .request(let stream, let request) = event {
          #expect(!request.method.isEmpty)
          session.respond(stream, HTTPHead(200, "text/plain"), date: "", hasBody: true)
          session.write(stream, ByteString("hello"))
          session.end(stream)
        }
      }
      while session.output() != nil {}
      _ = session.takeEvents()
    }
    while session.output() != nil {}
  }

  @Test func `a whole request is answered`() {
    let session = HTTP2Session()
    var requests: [HTTPRequest] = []
    for event in session.receive(Self.request.span.bytes) ?? [] {
      if case .request(_, let request) = event { requests.append(request) }
    }
    #expect(requests.map(\.method) == ["POST", "POST"])
    #expect(requests.map(\.target) == ["/", "/"] && requests.allSatisfy { $0["host"] == "localhost" })
  }
}
