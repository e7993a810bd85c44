internal import CWslay
internal import LogsWire

/// Reads the messages of a WebSocket out of bytes as they come, and answers its control frames.
///
/// What breaks the protocol is answered with a close frame that says why, and nothing more is read.
@safe package final class WebSocketReader {
  package enum Side {
    case server
    case client
  }

  package enum Event: Hashable {
    case text([UInt8])
    case binary([UInt8])
    /// The last one: the peer closes, or broke the protocol.
    case closed(UInt16)
  }

  private var context: wslay_event_context_ptr?
  private var input: [UInt8] = []
  private var offset = 0
  private var output: [UInt8] = []
  private var events: [Event] = []
  private var isClosed = false
  private let inflater: MessageInflater?
  private let byteCountMax: Int
  private let side: Side

  /// - Parameters:
  ///   - byteCountMax: what a message may have.
  ///   - inflates: whether permessage-deflate was agreed on.
  package init(_ side: Side, byteCountMax: Int, inflates: Bool = false) {
    self.side = side
    self.byteCountMax = byteCountMax
    inflater = inflates ? MessageInflater() : nil
    var callbacks = wslay_event_callbacks()
    unsafe callbacks.recv_callback = { _, buffer, count, _, user in
      guard let user = unsafe user, let buffer = unsafe buffer else { return -1 }
      return unsafe WebSocketReader.from(user).read(UnsafeMutableRawBufferPointer(start: buffer, count: count))
    }
    unsafe callbacks.send_callback = { _, bytes, count, _, user in
      guard let user = unsafe user, let bytes = unsafe bytes else { return -1 }
      unsafe WebSocketReader.from(user).output.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
      return count
    }
    unsafe callbacks.genmask_callback = { _, buffer, count, _ in
      for index in 0..<count { unsafe buffer?[index] = .random(in: 0...255) }
      return 0
    }
    unsafe callbacks.on_msg_recv_callback = { _, argument, user in
      guard let user = unsafe user, let argument = unsafe argument else { return }
      let message = unsafe argument.pointee
      let bytes = unsafe Array(UnsafeBufferPointer(start: message.msg, count: message.msg_length))
      unsafe WebSocketReader.from(user).take(message.opcode, bytes, isCompressed: message.rsv & 4 != 0)
    }
    let user = unsafe Unmanaged.passUnretained(self).toOpaque()
    let status =
      switch side {
      case .server: unsafe wslay_event_context_server_init(&context, &callbacks, user)
      case .client: unsafe wslay_event_context_client_init(&context, &callbacks, user)
      }
    guard status == 0 else { fatalError("out of memory for a WebSocket") }
    unsafe wslay_event_config_set_max_recv_msg_length(context, UInt64(byteCountMax))
    if inflates { unsafe wslay_event_config_set_allowed_rsv_bits(context, 4) }
  }

  deinit { unsafe wslay_event_context_free(context) }

  private static func from(_ user: UnsafeMutableRawPointer) -> WebSocketReader {
    unsafe Unmanaged<WebSocketReader>.fromOpaque(user).takeUnretainedValue()
  }

  /// Takes bytes of the peer.
  ///
  /// - Returns: what they complete, and what is to be sent in answer.
  package func receive(_ bytes: RawSpan) -> (events: [Event], answer: [UInt8]) {
    guard !isClosed else { return ([], []) }
    unsafe bytes.withUnsafeBytes { unsafe input.append(contentsOf: $0) }
    let status = unsafe wslay_event_recv(context)
    (input, offset) = (Array(input[offset...]), 0)
    if status != 0, !isClosed {
      // The library's own close would have no code.
      refuse(1002, "this is no frame of a WebSocket")
    } else {
      unsafe wslay_event_send(context)
    }
    if !isClosed, unsafe wslay_event_get_read_enabled(context) == 0 {
      isClosed = true
      events.append(.closed(unsafe wslay_event_get_status_code_sent(context)))
    }
    defer { (events, output) = ([], []) }
    return (events, output)
  }

  private func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, input.count - offset)
    guard count > 0 else {
      unsafe wslay_event_set_error(context, Int32(WSLAY_ERR_WOULDBLOCK.rawValue))
      return -1
    }
    unsafe buffer.copyBytes(from: input[offset..<offset + count])
    offset += count
    return count
  }

  private func take(_ opcode: UInt8, _ bytes: [UInt8], isCompressed: Bool) {
    guard !isClosed else { return }
    switch opcode {
    case WebSocketFrame.Opcode.text.rawValue, WebSocketFrame.Opcode.binary.rawValue:
      var bytes = bytes
      if isCompressed {
        switch inflater?.inflate(bytes, atMost: byteCountMax) {
        case .message(let message)?: bytes = message
        case .tooLarge?: return refuse(1009, "the message is too large")
        case .broken?, nil: return refuse(1007, "the message cannot be decompressed")
        }
      }
      if opcode == WebSocketFrame.Opcode.text.rawValue {
        guard !isCompressed || String(validating: bytes, as: UTF8.self) != nil else {
          return refuse(1007, "the text is not UTF-8")
        }
        events.append(.text(bytes))
      } else {
        events.append(.binary(bytes))
      }
    case WebSocketFrame.Opcode.close.rawValue:
      guard bytes.count != 1 else { return refuse(1002, "a close has no code or one of two bytes") }
      isClosed = true
      events.append(.closed(unsafe wslay_event_get_status_code_received(context)))
    default: break
    }
  }

  private func refuse(_ code: UInt16, _ reason: String) {
    let payload = WebSocketFrame.closePayload(code, reason)[...]
    switch side {
    case .server: WebSocketFrame.append(.close, payload, to: &output)
    case .client: WebSocketFrame.append(.close, payload, mask: .random(in: 0...UInt32.max), to: &output)
    }
    isClosed = true
    events.append(.closed(code))
  }
}
