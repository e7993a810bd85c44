import Testing

/// How much of an answer waits for a client of HTTP/2 that takes nothing (`http2-output` in `spec/limits.md`).
@Suite(.ownThread) struct HTTP2OutputTests {
  private static let batchCount = 64
  private static let batchEntryCount = 64
  private static let entryCount = batchCount * batchEntryCount
  /// What HTTP/2 lets a server send before its client grants more.
  private static let window = 65_535
  /// `http2-output`.
  private static let waitingByteCountMax = 64 << 10
  /// What may come on top: what is stored is written as JSON a piece at once, to the end of a batch.
  private static let pieceByteCountMax = 256 << 10

  private static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xff), type, flags, 0, 0, 0, stream] + payload
  }

  /// A request for a follow as lines.
  private static func request(_ target: String) -> [UInt8] {
    let (path, host) = (Array(target.utf8), Array("localhost".utf8))
    // Fields of the static table, but for the path and the host.
    let head: [UInt8] = [0x82, 0x86, 0x04, UInt8(path.count)] + path + [0x41, UInt8(host.count)] + host
    return frame(1, 5, 1, head)
  }

  /// The data of the stream, as it comes.
  private struct Answer {
    var input: [UInt8] = []
    var data: [UInt8] = []
    var hasEnded = false

    mutating func take(_ bytes: [UInt8]) {
      input += bytes
      var offset = 0
      while input.count - offset >= 9 {
        let count = Int(input[offset]) << 16 | Int(input[offset + 1]) << 8 | Int(input[offset + 2])
        guard input.count - offset >= 9 + count else { break }
        if input[offset + 3] == 0 {
          data += input[offset + 9..<offset + 9 + count]
          hasEnded = hasEnded || input[offset + 4] & 1 != 0
        }
        offset += 9 + count
      }
      input.removeFirst(offset)
    }
  }

  @Test func `a client that grants no more has 64 KiB waiting, and the rest in the store`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      var random = Seeded.forTest()
      let other = try HTTPPeer(server)
      for _ in 0..<Self.batchCount {
        let lines = (0..<Self.batchEntryCount).map { _ in String(decoding: random.letters(1_000), as: UTF8.self) }
        let answer = try other.ask(
          "POST", "/api/v1/streams/web/entries", ["Content-Type: text/plain"], body: lines.joined(separator: "\n"))
        #expect(answer.status == 200)
      }
      let target = "/api/v1/streams/web/follow?last=\(Self.entryCount)&limit=\(Self.entryCount)&format=ndjson"
      let peer = try HTTPPeer(server)
      try peer.send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(4, 0, 0) + Self.request(target))
      var answer = Answer()
      while answer.data.count < Self.window {
        answer.take(try #require(peer.bytes()))
      }
      #expect(answer.data.count == Self.window)

      // Another client gets all of it meanwhile, so the first one has had time for as much.
      let all = try other.get(target)
      #expect(all.lines.count == Self.entryCount)
      let delivered = try server.fact("delivered_entries_total") - Self.entryCount
      let byteCount = all.body.count / Self.entryCount * delivered
      #expect(byteCount >= Self.window)
      #expect(byteCount <= Self.window + Self.waitingByteCountMax + Self.pieceByteCountMax, "\(delivered) entries")
      #expect(all.body.count > 8 * Self.pieceByteCountMax)

      // Granted all, it gets all.
      let grant: [UInt8] = [0x10, 0, 0, 0]
      try peer.send(Self.frame(8, 0, 0, grant) + Self.frame(8, 0, 1, grant))
      while !answer.hasEnded { answer.take(try #require(peer.bytes())) }
      #expect(answer.data == all.body)
    }
  }
}
