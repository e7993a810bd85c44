internal import LogsTransport
internal import LogsWire

/// A request to go on as a WebSocket (RFC 6455, section 4.2.1).
struct WebSocketRoute {
  let key: String
  /// Whether the client understands compressed messages (RFC 7692).
  let isCompressed: Bool
  /// What it follows from the start; nil if it says so in messages.
  let query: EntryQuery?

  init(_ request: HTTPRequest, query: EntryQuery?) throws(HTTPProblem) {
    guard request.wantsWebSocket else {
      var problem = HTTPProblem(426, "this address is for WebSockets; connect with ws:// or wss://")
      problem.headers = [HTTPHeader("Upgrade", "websocket"), HTTPHeader("Connection", "Upgrade")]
      throw problem
    }
    guard request.method == "GET", !request.isVersion10, !request.hasBody else {
      throw HTTPProblem(400, "a WebSocket begins with GET over HTTP/1.1, without a body")
    }
    guard request["sec-websocket-version"] == "13" else {
      var problem = HTTPProblem(426, "the only version of WebSocket that is known here is 13")
      problem.headers = [HTTPHeader("Sec-WebSocket-Version", "13")]
      throw problem
    }
    guard let key = request["sec-websocket-key"], WebSocketHandshake.isKey(key) else {
      throw HTTPProblem(400, "Sec-WebSocket-Key has to be 16 bytes in base64")
    }
    self.key = key
    self.query = query
    isCompressed = Self.offersDeflate(request)
  }

  /// Whether one of the offers can be met: any window of the client's will do, the server's is always the largest.
  private static func offersDeflate(_ request: HTTPRequest) -> Bool {
    let offers = request.headers.filter { $0.name == "sec-websocket-extensions" }.flatMap {
      $0.value.split(separator: ",")
    }
    return offers.contains { offer in
      let parts = offer.split(separator: ";").map { $0.trimmed.lowercased() }
      return parts.first == "permessage-deflate" && !parts.contains { $0.hasPrefix("server_max_window_bits") }
    }
  }

  /// The answer that begins it, without compression: what the protocol sends is compressed.
  var plainHead: HTTPHead {
    HTTPHead(upgrade: [
      HTTPHeader("Upgrade", "websocket"), HTTPHeader("Sec-WebSocket-Accept", WebSocketHandshake.accept(key)),
    ])
  }

  /// The answer that begins it.
  var head: HTTPHead {
    var head = plainHead
    if isCompressed {
      // Without memory from message to message a connection costs a few bytes, not 300 KiB.
      head.headers.append(
        HTTPHeader(
          "Sec-WebSocket-Extensions",
          "permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
    }
    return head
  }
}

extension HTTPExchange {
  func begin(_ route: WebSocketRoute) {
    for case .stream(let name) in route.query?.follow.selectors ?? [] {
      if let refusal = access.refusal(.read, name) { return respond(HTTPResponse(HTTPProblem(refusal))) }
    }
    let access = access
    let problem = carrier.upgrade(self, route.head) { id, connection, core in
      WebSocketConnection(
        id: id, connection: connection, core: core, access: access, isCompressed: route.isCompressed,
        query: route.query)
    }
    if let problem {
      respond(HTTPResponse(problem))
    } else {
      note(101)
      stage = .over
    }
  }

  /// The connection goes on with the protocol's frames, whose HELLO says who the client is.
  func beginWire(_ route: WebSocketRoute) {
    let problem = carrier.upgrade(self, route.plainHead) { id, connection, core in
      connection.speakWebSocket(byteCountMax: HTTPLimits.wireMessageByteCountMax)
      return ServerConnection(id: id, connection: connection, core: core)
    }
    if let problem { respond(HTTPResponse(problem)) } else { stage = .over }
  }
}
