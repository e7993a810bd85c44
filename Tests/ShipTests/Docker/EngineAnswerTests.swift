import Testing

@testable import LogsShip

/// An engine's HTTP is read in pieces of any size.
struct EngineAnswerTests {
  private static func read(
    _ pieces: [[UInt8]], closes: Bool = true
  ) throws -> (status: Int, body: String, isWhole: Bool) {
    var answer = EngineAnswer()
    var (status, body, isWhole) = (0, [UInt8](), false)
    func take(_ piece: EngineAnswer.Piece) {
      switch piece {
      case .status(let value): status = value
      case .body(let bytes): body += bytes
      case .end: isWhole = true
      }
    }
    for piece in pieces { try answer.take(piece, take) }
    if closes { _ = answer.close(take) }
    return (status, String(decoding: body, as: UTF8.self), isWhole)
  }

  private static let chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"
    + "5\r\nhello\r\nd;x=y\r\n to the \r\nend\r\n0\r\nA: b\r\n\r\n"

  @Test(arguments: [
    (chunked, 200, "hello to the \r\nend"),
    ("HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nno\n", 404, "no\n"),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, ""),
    ("HTTP/1.0 200 OK\n\nuntil the end", 200, "until the end"),
  ]) func `an answer cut at every byte`(_ text: String, _ status: Int, _ body: String) throws {
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      let read = try Self.read([Array(bytes[..<cut]), Array(bytes[cut...])])
      #expect(read == (status, body, true), "cut at \(cut)")
    }
    #expect(try Self.read(bytes.map { [$0] }) == (status, body, true))
  }

  @Test func `an answer that ends early is not whole`() throws {
    let bytes = Array(Self.chunked.utf8)
    for end in 0..<bytes.count - 1 { #expect(try !Self.read([Array(bytes[..<end])]).isWhole, "cut at \(end)") }
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 abc\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
  ]) func `what is no answer is refused`(_ text: String) {
    #expect(throws: DockerFailure.self) { try Self.read([Array(text.utf8)]) }
  }

  @Test func `a head has a bound`() {
    var answer = EngineAnswer()
    #expect(throws: DockerFailure.self) {
      try answer.take(Array("HTTP/1.1 200 OK\r\n".utf8)) { _ in }
      let line = Array("X-Header: \(String(repeating: "x", count: 1000))\r\n".utf8)
      for _ in 0...EngineAnswer.headByteCountMax / 1000 { try answer.take(line) { _ in } }
    }
  }
}
