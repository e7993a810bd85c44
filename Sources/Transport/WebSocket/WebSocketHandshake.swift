internal import COpenSSL

/// The part of the WebSocket handshake that shows that both sides mean this protocol (RFC 6455, section 4).
package enum WebSocketHandshake {
  private static let identifier = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  /// What the server answers to the client's key.
  package static func accept(_ key: String) -> String {
    let text = Array((key + identifier).utf8)
    var hash = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
    unsafe _ = SHA1(text, text.count, &hash)
    return base64(hash)
  }

  /// Whether a key has the form that it must have: 16 bytes in base64.
  package static func isKey(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return bytes.count == 24 && bytes.suffix(2).elementsEqual("==".utf8)
      && bytes.dropLast(2).allSatisfy(alphabet.contains)
  }

  /// A client's key.
  package static func newKey() -> String { base64((0..<16).map { _ in UInt8.random(in: 0...255) }) }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func base64(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for place in 0..<4 {
        text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
