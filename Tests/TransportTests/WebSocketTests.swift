import LogsTransport
import Testing

/// What RFC 6455 and RFC 7692 ask of a WebSocket's server.
@Suite struct WebSocketTests {
  /// A frame of a client.
  private static func frame(
    _ opcode: UInt8, _ payload: [UInt8], fin: Bool = true, reserved: UInt8 = 0, isMasked: Bool = true
  ) -> [UInt8] {
    var bytes = [(fin ? 0x80 : 0) | reserved << 4 | opcode]
    let mask: UInt8 = isMasked ? 0x80 : 0
    if payload.count < 126 {
      bytes.append(mask | UInt8(payload.count))
    } else {
      bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
    }
    guard isMasked else { return bytes + payload }
    let key: [UInt8] = [0x12, 0x34, 0x56, 0x78]
    return bytes + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
  }

  private static func text(_ text: String, fin: Bool = true) -> [UInt8] { frame(1, Array(text.utf8), fin: fin) }

  private struct Outcome: Equatable {
    var events: [WebSocketReader.Event] = []
    var answer: [UInt8] = []
  }

  /// What comes of some bytes, however they are cut.
  private static func read(_ bytes: [UInt8], inflates: Bool = false, limit: Int = 1_000) -> Outcome {
    let outcomes = [bytes.count, 1, 3, 7].map { size in
      let reader = WebSocketReader(.server, byteCountMax: limit, inflates: inflates)
      var outcome = Outcome()
      for start in stride(from: 0, to: bytes.count, by: max(1, size)) {
        let piece = Array(bytes[start..<min(start + max(1, size), bytes.count)])
        let (events, answer) = reader.receive(piece.span.bytes)
        outcome.events += events
        outcome.answer += answer
      }
      return outcome
    }
    for outcome in outcomes { #expect(outcome == outcomes[0]) }
    return outcomes[0]
  }

  private static func close(_ code: UInt16) -> [UInt8] { [0x88, 2, UInt8(code >> 8), UInt8(code & 0xff)] }

  @Test func `messages come whole, in fragments and with control frames between`() {
    let long = String(repeating: "x", count: 300)
    #expect(Self.read(Self.text("")).events == [.text([])])
    #expect(Self.read(Self.text(long)).events == [.text(Array(long.utf8))])
    #expect(Self.read(Self.frame(2, [0, 255])).events == [.binary([0, 255])])
    let fragments = Self.text("He", fin: false) + Self.frame(9, [7]) + Self.frame(0, Array("ll".utf8), fin: false)
    let outcome = Self.read(fragments + Self.frame(10, []) + Self.frame(0, Array("o".utf8)) + Self.text("!"))
    #expect(outcome.events == [.text(Array("Hello".utf8)), .text(Array("!".utf8))])
    #expect(outcome.answer == [0x8a, 1, 7])
  }

  @Test func `text is UTF-8, which fragments may cut anywhere`() {
    let bytes = Array("κόσμε 😀".utf8)
    for cut in 0...bytes.count {
      let frames = Self.frame(1, Array(bytes[..<cut]), fin: false) + Self.frame(0, Array(bytes[cut...]))
      #expect(Self.read(frames).events == [.text(bytes)])
    }
    let broken: [[UInt8]] = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xce]]
    for bytes in broken {
      let outcome = Self.read(Self.frame(1, bytes))
      #expect(outcome.events == [.closed(1007)], "\(bytes)")
      #expect(outcome.answer.starts(with: [0x88]) && outcome.answer[2...3].elementsEqual([3, 0xef]), "\(bytes)")
    }
  }

  @Test(arguments: [
    ("no mask", frame(1, [65], isMasked: false)), ("a reserved bit", frame(1, [65], reserved: 4)),
    ("other reserved bits", frame(1, [65], reserved: 1)), ("an unknown opcode", frame(3, [])),
    ("an unknown control opcode", frame(11, [])), ("a fragmented ping", frame(9, [], fin: false)),
    ("a long ping", frame(9, [UInt8](repeating: 0, count: 126))), ("a continuation of nothing", frame(0, [65])),
    ("a message inside of another", frame(1, [65], fin: false) + frame(1, [66])),
    ("a close of one byte", frame(8, [3])),
    ("a length of 64 bits with its highest one", [0x82, 0xff] + [UInt8](repeating: 0xff, count: 12)),
  ])
  func `what breaks the protocol is answered with 1002, and nothing behind it is read`(name: String, bytes: [UInt8]) {
    let outcome = Self.read(bytes + Self.text("later"))
    #expect(outcome.events == [.closed(1002)], "\(name)")
    #expect(outcome.answer.count >= 4 && outcome.answer[2...3].elementsEqual([3, 0xea]), "\(name)")
  }

  @Test func `a message beyond the limit is answered with 1009, in one frame or many`() {
    let piece = [UInt8](repeating: 65, count: 600)
    #expect(Self.read(Self.frame(1, piece)).events == [.text(piece)])
    #expect(Self.read(Self.frame(1, piece + piece)).events == [.closed(1009)])
    #expect(Self.read(Self.frame(1, piece, fin: false) + Self.frame(0, piece)).events == [.closed(1009)])
  }

  @Test(arguments: [1000, 1001, 1003, 1007, 1011, 3000, 4999] as [UInt16])
  func `a close is answered with the same code`(code: UInt16) {
    let outcome = Self.read(Self.frame(8, [UInt8(code >> 8), UInt8(code & 0xff)] + Array("why".utf8)) + Self.text("x"))
    #expect(outcome.events == [.closed(code)])
    #expect(
      outcome.answer.starts(with: [0x88])
        && outcome.answer[2...3].elementsEqual([UInt8(code >> 8), UInt8(code & 0xff)]))
  }

  @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] as [UInt16])
  func `a close with a code that nobody may send is refused`(code: UInt16) {
    #expect(Self.read(Self.frame(8, [UInt8(code >> 8), UInt8(code & 0xff)])).events == [.closed(1002)])
  }

  @Test func `compressed messages are read, each on its own, and bounded`() {
    let deflater = MessageDeflater()
    let message = Array(String(repeating: "a line like others; ", count: 40).utf8)
    let packed = deflater.deflate(message[...])
    #expect(packed.count < message.count / 4)
    let frames = Self.frame(1, packed, reserved: 4) + Self.text("plain") + Self.frame(1, packed, reserved: 4)
    let events: [WebSocketReader.Event] = [.text(message), .text(Array("plain".utf8)), .text(message)]
    #expect(Self.read(frames, inflates: true).events == events)
    let cut = Self.frame(1, Array(packed[..<5]), fin: false, reserved: 4) + Self.frame(0, Array(packed[5...]))
    #expect(Self.read(cut, inflates: true).events == [.text(message)])
    #expect(Self.read(Self.frame(2, deflater.deflate([]), reserved: 4), inflates: true).events == [.binary([])])

    let bomb = deflater.deflate([UInt8](repeating: 65, count: 100_000)[...])
    #expect(bomb.count < 500)
    #expect(Self.read(Self.frame(1, bomb, reserved: 4), inflates: true).events == [.closed(1009)])
    #expect(Self.read(Self.frame(1, [0xff, 0xff], reserved: 4), inflates: true).events == [.closed(1007)])
    let invalid = deflater.deflate([0xff, 0xfe])
    #expect(Self.read(Self.frame(1, invalid, reserved: 4), inflates: true).events == [.closed(1007)])
  }

  @Test func `the server's key is that of the RFC's example`() {
    #expect(WebSocketHandshake.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    #expect(WebSocketHandshake.isKey("dGhlIHNhbXBsZSBub25jZQ=="))
    for odd in ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25j!Q=="] {
      #expect(!WebSocketHandshake.isKey(odd), "\(odd)")
    }
    #expect(WebSocketHandshake.isKey(WebSocketHandshake.newKey()))
  }

  @Test(arguments: [0, 1, 125, 126, 65_535, 65_536])
  func `a client's frames are what the server reads`(count: Int) {
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var bytes: [UInt8] = []
    WebSocketFrame.append(.binary, payload[...], mask: 0x0102_0304, to: &bytes)
    let reader = WebSocketReader(.server, byteCountMax: 1 << 20)
    #expect(reader.receive(bytes.span.bytes).events == [.binary(payload)])
    bytes = []
    WebSocketFrame.append(.binary, payload[...], to: &bytes)
    #expect(WebSocketReader(.client, byteCountMax: 1 << 20).receive(bytes.span.bytes).events == [.binary(payload)])
  }
}
