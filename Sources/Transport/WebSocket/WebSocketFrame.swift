/// Frames of the WebSocket protocol (RFC 6455), each a whole message.
package enum WebSocketFrame {
  package enum Opcode: UInt8, Sendable {
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10
  }

  /// Appends a frame of the server.
  ///
  /// - Parameter isCompressed: whether the payload went through permessage-deflate.
  package static func append(
    _ opcode: Opcode, _ payload: ArraySlice<UInt8>, isCompressed: Bool = false, to output: inout [UInt8]
  ) {
    appendHead(opcode, payload.count, isCompressed: isCompressed, isMasked: false, to: &output)
    output += payload
  }

  /// Appends a frame of a client, whose payload is masked.
  package static func append(
    _ opcode: Opcode, _ payload: ArraySlice<UInt8>, mask: UInt32, to output: inout [UInt8]
  ) {
    appendHead(opcode, payload.count, isCompressed: false, isMasked: true, to: &output)
    let key = (0..<4).map { UInt8(truncatingIfNeeded: mask >> (24 - 8 * UInt32($0))) }
    output += key
    let start = output.count
    output += payload
    for index in start..<output.count { output[index] ^= key[(index - start) & 3] }
  }

  /// The first bytes of a server's frame, before its payload.
  static func head(_ opcode: Opcode, _ byteCount: Int) -> [UInt8] {
    var head: [UInt8] = []
    appendHead(opcode, byteCount, isCompressed: false, isMasked: false, to: &head)
    return head
  }

  /// The first bytes of a frame, before its key and payload.
  private static func appendHead(
    _ opcode: Opcode, _ byteCount: Int, isCompressed: Bool, isMasked: Bool, to output: inout [UInt8]
  ) {
    output.append(0x80 | (isCompressed ? 0x40 : 0) | opcode.rawValue)
    let maskBit: UInt8 = isMasked ? 0x80 : 0
    switch byteCount {
    case ...125: output.append(maskBit | UInt8(byteCount))
    case ...0xffff:
      output.append(maskBit | 126)
      for shift in [8, 0] { output.append(UInt8(truncatingIfNeeded: byteCount >> shift)) }
    default:
      output.append(maskBit | 127)
      for shift in stride(from: 56, through: 0, by: -8) { output.append(UInt8(truncatingIfNeeded: byteCount >> shift)) }
    }
  }

  /// The payload of a close frame.
  ///
  /// - Parameter reason: as much of it is sent as fits, 123 bytes.
  package static func closePayload(_ code: UInt16, _ reason: String) -> [UInt8] {
    var text = reason
    while text.utf8.count > 123 { text.removeLast() }
    return [UInt8(code >> 8), UInt8(code & 0xff)] + text.utf8
  }
}
