@testable import LogsServer
@testable import LogsText
@testable import LogsTransport
@testable import LogsWire

extension FuzzTarget {
  /// Bytes of an HTTP/1 connection: the same requests come of them in whatever pieces they arrive, and what they ask
  /// for is found, or refused.
  static let http = FuzzTarget(
    name: "http", byteCountMax: 2048, words: httpWords,
    seeds: { httpSeeds.map { [9] + Array($0.replacing("\n", with: "\r\n").utf8) } },
    run: { input in
      let choice = input.byte()
      let bytes = input.all()
      let events = requests(in: [bytes])
      try BrokenRule.check(events == requests(in: Pieces(bytes, choice)), "pieces make other requests")
      var append: HTTPAppend?
      for event in events {
        switch event {
        case .head(let request):
          append = nil
          guard let route = try? HTTPRoute(request, now: httpNow) else { continue }
          if case .append(let found) = route { append = found }
          _ = (request.isKeptAlive, request.expectsContinue, request.repeatedHeader, request.wantsWebSocket)
        case .body(let body):
          guard let found = append, let batch = try? found.batch(body, now: httpNow) else { continue }
          try BrokenRule.check(BatchRules.isSound(Batch(wholeOf: batch)), "the body becomes a batch that is not sound")
        case .refused: try BrokenRule.check(event == events.last, "something follows what cannot be read")
        }
      }
    })

  /// Bytes of a WebSocket: the same messages come of them in whatever pieces they arrive, none larger than allowed, and
  /// what they ask for is found, or refused.
  static let webSocket = FuzzTarget(
    name: "websocket", byteCountMax: 1024, words: socketWords,
    seeds: {
      let deflater = MessageDeflater()
      return socketSeeds.flatMap { text in
        [false, true].map { isCompressed in
          let payload = isCompressed ? deflater.deflate(Array(text.utf8)[...]) : Array(text.utf8)
          var frames: [UInt8] = []
          WebSocketFrame.append(.text, payload[...], mask: 0x0102_0304, to: &frames)
          if isCompressed { frames[0] |= 0x40 }
          WebSocketFrame.append(.ping, [1, 2], mask: 0x0102_0304, to: &frames)
          WebSocketFrame.append(.close, WebSocketFrame.closePayload(1000, "")[...], mask: 1, to: &frames)
          return [isCompressed ? 1 : 0, 9] + frames
        }
      }
    },
    run: { input in
      let inflates = input.byte() & 1 != 0
      let choice = input.byte()
      let bytes = input.all()
      let events = messages(in: [bytes], inflates: inflates)
      // The library may see from the first bytes of a close frame what is wrong with it.
      func withoutEnd(_ events: [WebSocketReader.Event]) -> [WebSocketReader.Event] {
        events.filter { if case .closed = $0 { false } else { true } }
      }
      let others = messages(in: Pieces(bytes, choice), inflates: inflates)
      try BrokenRule.check(
        withoutEnd(events) == withoutEnd(others), "pieces make other messages: \(events) and \(others)")
      for event in events {
        switch event {
        case .text(let text):
          try BrokenRule.check(text.count <= socketByteCountMax, "a message of \(text.count) bytes")
          try BrokenRule.check(String(validating: text, as: UTF8.self) != nil, "a text that is not UTF-8")
          guard let object = JSONObject(text.span.bytes) else { continue }
          _ = try? SocketCommand(object, now: httpNow)
        case .binary(let bytes):
          try BrokenRule.check(bytes.count <= socketByteCountMax, "a message of \(bytes.count) bytes")
        case .closed: try BrokenRule.check(event == events.last, "something follows the end")
        }
      }
    })

  /// Bytes of an HTTP/2 connection: requests are whole, and nothing comes of a stream that has none.
  static let http2 = FuzzTarget(
    name: "http2", byteCountMax: 1024,
    seeds: { [[9] + http2Seed] },
    run: { input in
      let session = HTTP2Session()
      var open: Set<Int32> = []
      for piece in Pieces(HTTP2Session.preface + input.all(), input.byte()) {
        guard let events = session.receive(piece.span.bytes) else { break }
        for event in events + session.takeEvents() {
          switch event {
          case .request(let stream, let request):
            try BrokenRule.check(!request.method.isEmpty && open.insert(stream).inserted, "a request without a method")
            _ = try? HTTPRoute(request, now: httpNow)
            session.respond(stream, HTTPHead(200, "text/plain"), date: "", hasBody: true)
            session.write(stream, ByteString("hello"))
            if stream % 4 == 1 { session.end(stream) }
          case .refused(let stream, let request, _):
            try BrokenRule.check(!request.method.isEmpty && open.insert(stream).inserted, "a request without a method")
            session.respond(stream, HTTPHead(431, "text/plain"), date: "", hasBody: false)
          case .broken: break
          case .body(let stream, _), .ended(let stream):
            try BrokenRule.check(open.contains(stream), "the body of no request")
          case .closed(let stream, _): open.remove(stream)
          }
        }
        while session.output() != nil {}
      }
    })

  private static let httpNow: Int64 = 1_768_046_400_000_000_000
  private static let socketByteCountMax = 120

  private static func requests(in pieces: some Sequence<[UInt8]>) -> [HTTPRequestParser.Event] {
    var parser = HTTPRequestParser()
    var events: [HTTPRequestParser.Event] = []
    for piece in pieces {
      parser.append(piece.span.bytes)
      while let event = parser.next() { events.append(event) }
    }
    return events
  }

  private static func messages(in pieces: some Sequence<[UInt8]>, inflates: Bool) -> [WebSocketReader.Event] {
    let reader = WebSocketReader(.server, byteCountMax: socketByteCountMax, inflates: inflates)
    return pieces.flatMap { reader.receive($0.span.bytes).events }
  }

  private static let httpSeeds = [
    "GET /api/v1/entries?stream=web&filter=level%3E%3Dwarn&limit=10&since=1h HTTP/1.1\nHost: h\n\n",
    "GET /api/v1/follow?stream=docker/*&after=%7B%7D HTTP/1.1\nHost: h\nLast-Event-ID: web=1:2\n"
      + "Accept: text/event-stream\n\n",
    "POST /api/v1/streams/web/entries HTTP/1.1\nHost: h\nContent-Type: application/json\nContent-Length: 30\n\n"
      + #"[{"msg":"a"},{"level":"warn"}]"#,
    "POST /api/v1/streams/web/entries HTTP/1.1\nHost: h\nContent-Type: application/x-ndjson\nLogs-Producer: "
      + "0123456789abcdef0123456789abcdef\nLogs-Batch: 1\nTransfer-Encoding: chunked\n\n"
      + "9;x=y\n{\"a\":\"b\"}\n0\nT: v\n\n",
    "POST /api/v1/streams/a%2Fb/entries HTTP/1.1\nHost: h\nContent-Type: text/plain\nIdempotency-Key: k\n"
      + "Content-Length: 3\n\na\nb",
    "DELETE /api/v1/streams/web?from=1&to=2&dry_run=true HTTP/1.1\nHost: h\n\n",
    "GET /api/v1/query?stream=web&kind=histogram&filter=a HTTP/1.1\nHost: h\n\nGET /healthz HTTP/1.0\n\n",
    "GET /api/v1/ws HTTP/1.1\nHost: h\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Extensions: permessage-deflate\n\n",
    "GET /api/logs/stream?container=a&lines=5 HTTP/1.1\nHost: h\nCookie: a=b\n\n",
  ]

  private static let httpWords = [
    "GET ", "POST ", "DELETE ", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "\r\n", "\r\n\r\n", "Host: ", "Content-Length: ",
    "Transfer-Encoding: chunked", "Connection: close", "Expect: 100-continue", "Content-Type: ", "text/plain",
    "application/json", "application/x-ndjson", "/api/v1/", "streams/", "entries", "query", "follow", "stream=",
    "filter=", "since=", "until=", "after=", "limit=", "last=", "view=", "%", "%2F", "%00", "+", "&", "ticket=",
    "order=",
  ]

  private static let socketSeeds = [
    #"{"type":"subscribe","id":"a","streams":["web","docker/*"],"filter":"level>=warn","last":10}"#,
    #"{"type":"credit","id":"a","entries":18446744073709551615}"#, #"{"type":"unsubscribe","id":"a"}"#,
    #"{"type":"log.stream.start","container_id":"c","since":"1h"}"#, #"{"session_id":"s","file_path":"/var/log/x"}"#,
  ]

  private static let socketWords = [
    "type", "subscribe", "id", "streams", "after", "last", "since", "until", "limit", "view", "credit", "pause",
    "resume", "entries", "filter", "container_id", "room", "container_logs_", "session_id", "file_path",
  ]

  /// POST / of localhost with fields of the static table, a body, and other frames.
  private static let http2Seed: [UInt8] = {
    func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
      [0, 0, UInt8(payload.count), type, flags, 0, 0, 0, stream] + payload
    }
    let head: [UInt8] = [0x83, 0x84, 0x86, 0x41, 9] + Array("localhost".utf8)
    return frame(4, 0, 0, []) + frame(1, 4, 1, head) + frame(0, 1, 1, Array("some bytes of a body".utf8))
      + frame(8, 0, 0, [0, 0, 1, 0]) + frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]) + frame(1, 5, 3, head)
      + frame(3, 0, 3, [0, 0, 0, 8])
  }()
}
