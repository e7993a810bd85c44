import LogsWire
import Testing

@testable import LogsServer
@testable import LogsSimulation

@Suite struct HTTPRequestParserTests {
  typealias Event = HTTPRequestParser.Event

  /// What comes out when the bytes come in pieces of these sizes, the last one again and again.
  private static func events(_ text: String, pieces: [Int]) -> [Event] {
    let bytes = Array(text.utf8)
    var parser = HTTPRequestParser()
    var events: [Event] = []
    var start = 0
    var index = 0
    while start < bytes.count {
      let end = min(bytes.count, start + pieces[min(index, pieces.count - 1)])
      let piece = Array(bytes[start..<end])
      parser.append(piece.span.bytes)
      while let event = parser.next() { events.append(event) }
      (start, index) = (end, index + 1)
    }
    return events
  }

  private static func request(
    _ method: String, _ target: String, _ headers: [(String, String)] = [("host", "h")], isVersion10: Bool = false
  ) -> Event {
    .head(
      HTTPRequest(
        method: method, target: target, isVersion10: isVersion10, headers: headers.map { HTTPHeader($0.0, $0.1) }))
  }

  static let good: [(String, [Event])] = [
    ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", [request("GET", "/"), .body([])]),
    ("\r\nGET /a?b=c HTTP/1.1\r\nhOsT:h \r\n\r\n", [request("GET", "/a?b=c"), .body([])]),
    ("GET / HTTP/1.0\r\n\r\n", [request("GET", "/", [], isVersion10: true), .body([])]),
    (
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
      [request("GET", "/1"), .body([]), request("GET", "/2"), .body([])]
    ),
    (
      "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
      [
        request("POST", "/p", [("host", "h"), ("content-length", "3")]), .body(Array("abc".utf8)), request("GET", "/"),
        .body([]),
      ]
    ),
    (
      "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
        + "3\r\nabc\r\n0A;x=y\r\n\r\n34567890\r\n0\r\nTrailer: t\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
      [
        request("POST", "/p", [("host", "h"), ("transfer-encoding", "Chunked")]),
        .body(Array("abc\r\n34567890".utf8)), request("GET", "/"), .body([]),
      ]
    ),
  ]

  /// Requests that are refused, and the status.
  static let bad: [(String, Int)] = {
    let long = String(repeating: "x", count: 40_000)
    func post(_ headers: String, _ body: String = "") -> String {
      "POST / HTTP/1.1\r\nHost: h\r\n\(headers)\r\n\r\n\(body)"
    }
    return [
      // Two ways to read where the body ends.
      (post("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400),
      (post("Transfer-Encoding: chunked\r\nContent-Length: 3", "0\r\n\r\n"), 400),
      (post("Content-Length: 3\r\nContent-Length: 4", "abcd"), 400),
      (post("Content-Length: 3\r\nContent-Length: 3", "abc"), 400),
      (post("Content-Length: 3, 3", "abc"), 400), (post("Content-Length: +3", "abc"), 400),
      (post("Content-Length: -3", "abc"), 400), (post("Content-Length: 0x3", "abc"), 400),
      (post("Content-Length: ", "abc"), 400), (post("Content-Length: 3 3", "abc"), 400),
      (post("Content-Length: 99999999999999999999", "abc"), 413), (post("Content-Length: 8388609", "abc"), 413),
      (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400),
      (post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), 501),
      (post("Transfer-Encoding: xchunked", "0\r\n\r\n"), 501),
      (post("Transfer-Encoding: chunked, identity", "0\r\n\r\n"), 501),
      ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
      // Headers that some would read in another way.
      (post("Content-Length : 3", "abc"), 400), (post(" Content-Length: 3", "abc"), 400),
      (post("X: 1\r\n folded", ""), 400), (post("X: 1\r\n\tfolded", ""), 400), (post("X", ""), 400),
      (post(": x", ""), 400),
      (post("X: a\u{0}b"), 400), (post("X: a\rb"), 400), (post("X: a\nContent-Length: 3"), 400),
      (post("X\u{b}: a"), 400), (post("Content-Length:\u{b}3", "abc"), 400), (post("Host: other"), 400),
      ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\nHost: h\n\n", 400), ("GET / HTTP/1.1\r\nHost: h\n\r\n", 400),
      // Chunks.
      (post("Transfer-Encoding: chunked", "x\r\n"), 400), (post("Transfer-Encoding: chunked", "\r\n"), 400),
      (post("Transfer-Encoding: chunked", "0x3\r\nabc\r\n"), 400),
      (post("Transfer-Encoding: chunked", " 3\r\nabc\r\n"), 400),
      (post("Transfer-Encoding: chunked", "3 \r\nabc\r\n"), 400),
      (post("Transfer-Encoding: chunked", "-3\r\nabc\r\n"), 400),
      (post("Transfer-Encoding: chunked", "3\r\nabcd\r\n"), 400),
      (post("Transfer-Encoding: chunked", "3\nabc\r\n"), 400),
      (post("Transfer-Encoding: chunked", "3\r\nabc\n0\r\n"), 400),
      (post("Transfer-Encoding: chunked", "3;a\u{0}\r\nabc"), 400),
      (post("Transfer-Encoding: chunked", "7fffffffffffffff\r\n"), 413),
      (post("Transfer-Encoding: chunked", "ffffffffffffffff\r\n"), 413),
      (post("Transfer-Encoding: chunked", "11111111111111111\r\n"), 400),
      (post("Transfer-Encoding: chunked", "1;\(long)"), 400),
      (post("Transfer-Encoding: chunked", "0\r\nbad\r\n\r\n"), 400),
      // Request lines.
      ("GET /\r\n\r\n", 400), ("GET  / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1 \r\n\r\n", 400),
      (" GET / HTTP/1.1\r\n\r\n", 400), ("GET http://h/ HTTP/1.1\r\n\r\n", 400), ("OPTIONS * HTTP/1.1\r\n\r\n", 400),
      ("GET / HTTP/2.0\r\n\r\n", 505), ("GET / HTTP/1.2\r\n\r\n", 505), ("GET / http/1.1\r\n\r\n", 400),
      ("G(T / HTTP/1.1\r\n\r\n", 400), ("GET /\u{e4} HTTP/1.1\r\n\r\n", 400), ("\r\n\r\n", 400),
      ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
      // Limits.
      ("GET /\(long) HTTP/1.1\r\n", 414), ("GET /\(long)", 414), (post("X: \(long)"), 431),
      ("GET / HTTP/1.1\r\nX: \(long)", 431),
      (post((0...100).map { "X\($0): y" }.joined(separator: "\r\n")), 431),
      (post((0...90).map { "X\($0): \(long.prefix(400))" }.joined(separator: "\r\n")), 431),
    ]
  }()

  @Test(arguments: good) func `requests are the same however their bytes come`(text: String, expected: [Event]) {
    #expect(Self.events(text, pieces: [.max]) == expected)
    #expect(Self.events(text, pieces: [1]) == expected)
    var random = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let pieces = (0..<text.utf8.count).map { _ in Int.random(in: 1...9, using: &random) }
      #expect(Self.events(text, pieces: pieces) == expected, "\(pieces)")
    }
  }

  @Test(arguments: bad) func `what could be read in two ways is refused, and nothing after it is read`(
    text: String, status: Int
  ) {
    for pieces in [[Int.max], [1], [3, 7, 1, 20]] {
      let events = Self.events(text + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", pieces: pieces)
      guard case .refused(let problem)? = events.last else {
        Issue.record("accepted: \(text.prefix(200).debugDescription): \(events)")
        continue
      }
      #expect(problem.status == status, "\(text.prefix(200).debugDescription): \(problem)")
      #expect(!events.contains { if case .head(let head) = $0 { head.target == "/smuggled" } else { false } })
    }
  }

  @Test func `random damage never crashes it, and pieces make no difference`() {
    var random = SeededGenerator(seed: 11)
    let text = Self.good.map(\.0).joined()
    for _ in 0..<2_000 {
      var bytes = Array(text.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0..<128, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: place)
        }
      }
      let damaged = String(decoding: bytes, as: UTF8.self)
      let whole = Self.events(damaged, pieces: [.max])
      #expect(Self.events(damaged, pieces: [1]) == whole, "\(damaged.debugDescription)")
    }
  }

  @Test func `it says what else the head asks for`() throws {
    func head(_ headers: String, _ version: String = "1.1") throws -> HTTPRequest {
      guard case .head(let head)? = Self.events("GET / HTTP/\(version)\r\nHost: h\r\n\(headers)\r\n", pieces: [9]).first
      else { throw HTTPProblem(400, "no head") }
      return head
    }
    #expect(try head("").isKeptAlive)
    #expect(try !head("Connection: x, Close\r\n").isKeptAlive)
    #expect(try !head("", "1.0").isKeptAlive)
    #expect(try head("Expect: 100-Continue\r\n").expectsContinue)
    #expect(try !head("").expectsContinue)
  }
}
