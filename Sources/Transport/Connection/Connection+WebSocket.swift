internal import LogsWire

extension Connection {
  /// From now on what is sent and received travels in the binary messages of a WebSocket, whose handshake is over.
  ///
  /// - Parameter byteCountMax: what a message of the client may have.
  package func speakWebSocket(byteCountMax: Int) { webSocket = WebSocketLayer(server: byteCountMax) }

  /// Asks the server for a WebSocket, before anything else is sent.
  func openWebSocket(_ address: WebAddress) {
    // As much as the largest frame, and as many as a server may send together.
    let layer = WebSocketLayer(client: address, byteCountMax: 64 << 20)
    output.append(ByteString(layer.opening))
    markDirty()
    webSocket = layer
  }

  /// Takes bytes as if they had just come.
  package func deliver(_ bytes: RawSpan) {
    guard let webSocket else {
      handler?.received(bytes, on: self)
      return
    }
    let (inputs, output) = webSocket.take(bytes)
    for bytes in output { self.output.append(bytes) }
    if !output.isEmpty { markDirty() }
    for input in inputs {
      guard case .open = phase else { return }
      switch input {
      case .bytes(let bytes): handler?.received(unsafe bytes.span.bytes, on: self)
      case .end: endInput()
      case .failed(let error): finish(.failed(error))
      }
    }
  }
}
