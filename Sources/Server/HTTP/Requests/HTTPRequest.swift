/// A name in lower case and its value.
struct HTTPHeader: Hashable, Sendable {
  let name: String
  let value: String

  init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}

/// A request without its body.
struct HTTPRequest: Hashable, Sendable {
  let method: String
  /// A path and maybe a query, as they were sent.
  private(set) var target: String
  /// HTTP/1.0 knows no chunks, and closes after each answer.
  let isVersion10: Bool
  var headers: [HTTPHeader] = []

  subscript(name: String) -> String? { headers.first { $0.name == name }?.value }

  /// As it looks from below a path that all addresses begin with.
  ///
  /// - Throws: 404 for what is not below it.
  func below(_ basePath: String) throws(HTTPProblem) -> HTTPRequest {
    if basePath.isEmpty { return self }
    let rest = target.dropFirst(basePath.count)
    guard target.hasPrefix(basePath), rest.isEmpty || rest.hasPrefix("/") || rest.hasPrefix("?") else {
      throw HTTPProblem(404, "there is nothing here outside of \(basePath)/ (--base-path)")
    }
    var request = self
    request.target = rest.hasPrefix("/") ? String(rest) : "/\(rest)"
    return request
  }

  /// Whether another request may follow.
  var isKeptAlive: Bool { !isVersion10 && !lists("close", in: "connection") }

  /// Whether the client waits for leave to send the body.
  var expectsContinue: Bool { !isVersion10 && lists("100-continue", in: "expect") }

  /// Headers that may not come twice: each reader would pick another one.
  private static let singles = [
    "host", "content-length", "transfer-encoding", "content-type", "content-encoding", "authorization", "origin",
    "expect", "last-event-id", "logs-producer", "logs-batch",
  ]

  /// A header that comes twice and may not.
  var repeatedHeader: String? { Self.singles.first { name in headers.count { $0.name == name } > 1 } }

  /// Whether it asks for a WebSocket.
  var wantsWebSocket: Bool { lists("upgrade", in: "connection") && lists("websocket", in: "upgrade") }

  /// Whether a body follows.
  var hasBody: Bool { self["content-length"].map { $0 != "0" } ?? false || self["transfer-encoding"] != nil }

  /// Whether a header lists a word, in any case.
  func lists(_ word: String, in name: String) -> Bool {
    headers.contains { header in
      header.name == name && header.value.split(separator: ",").contains { $0.trimmed.lowercased() == word }
    }
  }
}
