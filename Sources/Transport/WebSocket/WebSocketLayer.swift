internal import LogsWire

/// Carries the bytes of a connection in the binary messages of a WebSocket: each call to send is one message.
final class WebSocketLayer {
  enum Input {
    /// For the handler.
    case bytes([UInt8])
    case end
    case failed(TransportError)
  }

  private let side: WebSocketReader.Side
  private let reader: WebSocketReader
  /// The client's request, until it is answered.
  private var request: Request?
  /// What waits for that.
  private var held: [ByteString] = []
  private var answer: [UInt8] = []

  private struct Request {
    let address: WebAddress
    let key: String

    func failure(_ why: String) -> TransportError {
      failure(why, "check the address, which is that of logsd's --listen-http, maybe behind a proxy")
    }

    private func failure(_ why: String, _ advice: String) -> TransportError {
      TransportError(.refused, "there is no WebSocket at \(address.url): \(why); \(advice)")
    }

    private static let alertType: UInt8 = 21

    /// What answers wants TLS: it says so in the words of logsd or of other web servers, or as TLS does.
    ///
    /// - Parameter answer: as far as it has come.
    func wantOfTLS(_ answer: [UInt8]) -> TransportError? {
      guard !address.isTLS, let first = answer.first else { return nil }
      let text = String(decoding: answer, as: UTF8.self)
      if text.contains("this port speaks TLS; connect with logs+tls://") {
        return failure("it speaks TLS", "write \(Endpoint.tls(host: address.host, port: address.port))")
      }
      let isWeb = text.hasPrefix("HTTP/1.1 400") && ["speaks TLS", "HTTPS"].contains { text.contains($0) }
      guard isWeb || first == Self.alertType else { return nil }
      return failure("it speaks TLS", "write \(Endpoint.web(address.withTLS))")
    }
  }

  private static let answerByteCountMax = 16 << 10

  init(server byteCountMax: Int) {
    side = .server
    reader = WebSocketReader(.server, byteCountMax: byteCountMax)
  }

  /// A client's side, which begins with `opening`.
  init(client address: WebAddress, byteCountMax: Int) {
    side = .client
    reader = WebSocketReader(.client, byteCountMax: byteCountMax)
    request = Request(address: address, key: WebSocketHandshake.newKey())
  }

  /// The request that asks for the WebSocket.
  var opening: [UInt8] {
    guard let request else { return [] }
    let lines = [
      "GET \(request.address.path) HTTP/1.1", "Host: \(request.address.authority)", "Connection: Upgrade",
      "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: \(request.key)",
    ]
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  // MARK: Output

  /// What is to be written to send the parts as one message; nothing until the server has agreed.
  func wrap(_ parts: [ByteString]) -> [ByteString] {
    let message: [ByteString]
    switch side {
    case .server:
      let count = parts.reduce(0) { $0 + $1.count }
      message = [ByteString(WebSocketFrame.head(.binary, count))] + parts
    case .client:
      var frame: [UInt8] = []
      WebSocketFrame.append(.binary, parts.flatMap(\.array)[...], mask: .random(in: 0...UInt32.max), to: &frame)
      message = [ByteString(frame)]
    }
    guard request == nil else {
      held += message
      return []
    }
    return message
  }

  /// The frame that ends the messages.
  var ending: [UInt8] { request == nil ? close(1000, "") : [] }

  private func close(_ code: UInt16, _ reason: String) -> [UInt8] {
    let payload = WebSocketFrame.closePayload(code, reason)[...]
    var frame: [UInt8] = []
    switch side {
    case .server: WebSocketFrame.append(.close, payload, to: &frame)
    case .client: WebSocketFrame.append(.close, payload, mask: .random(in: 0...UInt32.max), to: &frame)
    }
    return frame
  }

  // MARK: Input

  /// - Returns: what came, and what is to be written.
  func take(_ bytes: RawSpan) -> (inputs: [Input], output: [ByteString]) {
    guard let request else { return read(bytes) }
    unsafe bytes.withUnsafeBytes { unsafe answer.append(contentsOf: $0) }
    if let failure = request.wantOfTLS(answer) { return ([.failed(failure)], []) }
    guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else {
      guard answer.count > Self.answerByteCountMax else { return ([], []) }
      return ([.failed(request.failure("what answers is no web server"))], [])
    }
    let lines = String(decoding: answer[..<end.lowerBound], as: UTF8.self).replacing("\r\n", with: "\n")
      .split(separator: "\n")
    guard let status = lines.first, status.hasPrefix("HTTP/1.1 101") else {
      return ([.failed(request.failure("it answered '\(PrintableText.escaped(String(lines.first ?? "")))'"))], [])
    }
    let accepted = lines.first { $0.lowercased().hasPrefix("sec-websocket-accept:") }
    guard accepted?.hasSuffix(WebSocketHandshake.accept(request.key)) == true else {
      return ([.failed(request.failure("its answer does not fit the request"))], [])
    }
    self.request = nil
    let rest = Array(answer[end.upperBound...])
    answer = []
    let output = held
    held = []
    guard !rest.isEmpty else { return ([], output) }
    let (inputs, more) = read(unsafe rest.span.bytes)
    return (inputs, output + more)
  }

  private func read(_ bytes: RawSpan) -> (inputs: [Input], output: [ByteString]) {
    var (events, answer) = reader.receive(bytes)
    if let odd = events.firstIndex(where: { if case .text = $0 { true } else { false } }) {
      events[odd...] = [.closed(1003)]
      answer = close(1003, "frames of the protocol come in binary messages")
    }
    let inputs = events.map { event -> Input in if case .binary(let bytes) = event { .bytes(bytes) } else { .end } }
    return (inputs, answer.isEmpty ? [] : [ByteString(answer)])
  }
}
