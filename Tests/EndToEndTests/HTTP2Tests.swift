import Foundation
import Glibc
import Testing

/// Requests over HTTP/2, and compressed answers.
@Suite(.ownThread) struct HTTP2Tests {
  private static func play(_ body: (Scene, TestServer) throws -> Void) throws {
    try Scene.play { scene in try body(scene, try TestServer(scene, TestServer.listensForHTTP)) }
  }

  private static func curl(_ scene: Scene, _ words: [String]) throws -> [String] {
    let outcome = try scene.run("/usr/bin/curl", ["-sS", "-m", "30"] + words)
    #expect(outcome.exit == .code(0), "\(outcome.errors)")
    return outcome.text.replacing("\r\n", with: "\n").split(separator: "\n").map(String.init)
  }

  @Test func `requests share a connection, and are answered as over HTTP 1`() throws {
    try Scene.play { scene in
      let certificates = try TestCertificates(scene)
      let flags = try certificates.serverFlags("localhost", "DNS:localhost,IP:127.0.0.1")
      let server = try TestServer(scene, flags + ["--listen-https", "127.0.0.1:0"])
      let url = try server.httpURL()
      let common = ["--cacert", certificates.authority, "-w", "\\n%{http_version} %{http_code} %{num_connects}\\n"]
      let text = (1...600).map { "line \($0)" }.joined(separator: "\n")
      let post = ["-H", "Content-Type: text/plain", "--data-binary", text]
      let first = try Self.curl(
        scene,
        common + post + ["\(url)/api/v1/streams/web/entries", "--next"] + common + [
          "\(url)/api/v1/streams/web/entries?limit=500"
        ])
      #expect(first[0].contains(#""first":1,"last":600"#))
      #expect(first[1] == "2 200 1" && first.last == "2 200 0", "\(first.suffix(2))")
      #expect(first.count(where: { $0.contains(#""message":"line "#) }) == 500)
      #expect(try Self.curl(scene, common + ["\(url)/nothing"]).last == "2 404 1")
      #expect(try Self.curl(scene, common + ["-I", "\(url)/healthz"]).contains("content-length: 3"))
      // The body is not wanted.
      #expect(try Self.curl(scene, common + post + ["\(url)/metrics"]).last == "2 405 1")
      // Larger than the window that the client gives for all, so it has to be granted more.
      let follow = "\(url)/api/v1/streams/web/follow?last=600&limit=600&format=ndjson"
      let lines = try Self.curl(scene, common + [follow, follow, follow])
      #expect(lines.count(where: { $0.hasPrefix("{") }) == 1_800)
    }
  }

  @Test(arguments: ["--http1.1", "--http2-prior-knowledge"])
  func `answers are compressed if the client takes that, events as they come`(version: String) throws {
    try Self.play { scene, server in
      let url = try server.httpURL()
      let lines = (1...100).map { "a line like the others, number \($0)" }.joined(separator: "\n")
      _ = try Self.curl(
        scene, ["-H", "Content-Type: text/plain", "--data-binary", lines, "\(url)/api/v1/streams/web/entries"])
      let page = "\(url)/api/v1/streams/web/entries?limit=100"
      let plain = try Self.curl(scene, [version, page, "-w", "\\n%{size_download}"])
      let packed = try Self.curl(scene, [version, "--compressed", page, "-w", "\\n%{size_download}"])
      #expect(plain.dropLast() == packed.dropLast())
      #expect(try #require(Int(packed.last ?? "")) * 5 < #require(Int(plain.last ?? "")))
      let head = try Self.curl(scene, [version, "-D", "-", "-o", "/dev/null", "--compressed", page])
      #expect(head.contains { $0.lowercased().hasPrefix("content-encoding: ") })
      #expect(head.contains { $0.lowercased().hasPrefix("vary: accept-encoding") })

      // Short answers are not, nor those that the client refuses.
      let short = try Self.curl(scene, [version, "-D", "-", "--compressed", "\(url)/healthz"])
      #expect(!short.contains { $0.lowercased().hasPrefix("content-encoding") })
      for refusal in ["gzip;q=0, zstd;q=0", "br", "*;q=0"] {
        let head = try Self.curl(
          scene, [version, "-D", "-", "-o", "/dev/null", "-H", "Accept-Encoding: \(refusal)", page])
        #expect(!head.contains { $0.lowercased().hasPrefix("content-encoding") }, "\(refusal)")
      }

      let follower = try ChildProcess(
        "/usr/bin/curl", ["-sSN", version, "--compressed", "\(url)/api/v1/streams/web/follow?last=1"])
      try follower.output.waitForText("number 100")
      try follower.output.waitForText("event: live")
      _ = try Self.curl(
        scene, ["-H", "Content-Type: text/plain", "--data-binary", "the next", "\(url)/api/v1/streams/web/entries"])
      try follower.output.waitForText("the next")
      follower.destroy()
    }
  }

  @Test(arguments: ["--http1.1", "--http2-prior-knowledge"])
  func `answers have a date, refusals and streams of events too`(version: String) throws {
    try Self.play { scene, server in
      let url = try server.httpURL()
      let formatter = DateFormatter()
      formatter.locale = Locale(identifier: "en_US_POSIX")
      formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
      formatter.timeZone = TimeZone(identifier: "UTC")
      for target in ["healthz", "nothing", "api/v1/streams/none/entries", "api/v1/follow?stream=*&until=now"] {
        // The clock's second of the answer is one of those between before and after.
        let start = Int(Date().timeIntervalSince1970)
        let head = try Self.curl(scene, [version, "-D", "-", "-o", "/dev/null", "\(url)/\(target)"])
        let dates = start...Int(Date().timeIntervalSince1970)
        let lines = head.filter { $0.lowercased().hasPrefix("date: ") }
        #expect(lines.count == 1, "\(target): \(head)")
        let date = try #require(formatter.date(from: String(lines[0].dropFirst("date: ".count))), "\(lines)")
        #expect(dates.contains(Int(date.timeIntervalSince1970)))
      }
    }
  }

  // MARK: Frames that no client should send

  private static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xff), type, flags, 0, 0, 0, stream] + payload
  }

  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  private static let settings = frame(4, 0, 0)
  private static let goAway: UInt8 = 7

  /// The types of frames that come until the server closes.
  private static func types(_ peer: HTTPPeer) -> [UInt8] {
    var bytes: [UInt8] = []
    while let more = peer.bytes() { bytes += more }
    var types: [UInt8] = []
    while bytes.count >= 9 {
      let count = Int(bytes[0]) << 16 | Int(bytes[1]) << 8 | Int(bytes[2])
      types.append(bytes[3])
      bytes.removeFirst(min(bytes.count, 9 + count))
    }
    return types
  }

  private static let broken: [(name: String, bytes: [UInt8])] = [
    ("a request before settings", frame(1, 5, 1, [0x82])),
    ("a window of 0", settings + frame(8, 0, 0, [0, 0, 0, 0])),
    ("a stream that the server opens", settings + frame(1, 5, 2, [0x82])),
    ("headers that cannot be decoded", settings + frame(1, 5, 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
    ("a continuation of nothing", settings + frame(9, 4, 1, [0x82])),
    ("data on an idle stream", settings + frame(0, 1, 1, [1])),
    ("a frame that is too long", settings + [1, 0, 0, 0, 0, 0, 0, 0, 1]),
  ]

  @Test(arguments: broken.indices)
  func `what breaks the protocol ends the connection, and the reason is said`(index: Int) throws {
    let (name, bytes) = Self.broken[index]
    try Self.play { scene, server in
      let peer = try HTTPPeer(server)
      try peer.send(Self.preface + bytes)
      #expect(Self.types(peer).contains(Self.goAway), "\(name)")
      let other = try HTTPPeer(server)
      #expect(try other.get("/healthz").status == 200)
    }
  }

  @Test func `requests that are taken back again and again end the connection`() throws {
    try Self.play { scene, server in
      let peer = try HTTPPeer(server)
      // Fields of the static table, but for the path and the host.
      let path = Array("/api/v1/follow?stream=none".utf8)
      let host = Array("localhost".utf8)
      var follow: [UInt8] = [0x82, 0x86, 0x04, UInt8(path.count)]
      follow += path
      follow += [0x41, UInt8(host.count)]
      follow += host
      var bytes = Self.preface + Self.settings
      for number in 0..<600 {
        let stream = 2 * number + 1
        let place: [UInt8] = [0, 0, UInt8(stream >> 8), UInt8(stream & 0xff)]
        bytes += [0, 0, UInt8(follow.count), 1, 5] + place + follow
        bytes += [0, 0, 4, 3, 0] + place + [0, 0, 0, 8]
      }
      try? peer.send(bytes)
      #expect(Self.types(peer).contains(Self.goAway))
      let other = try HTTPPeer(server)
      #expect(try other.get("/healthz").status == 200)
    }
  }
}
