import Foundation
import Testing

/// Followed streams behind nginx, as it is configured by default but for the upgrade to WebSockets.
@Suite(.ownThread) struct ReverseProxyTests {
  private static let nginx = "/usr/sbin/nginx"

  /// nginx in front of a server, until the scene ends.
  private struct Proxy {
    let path: String

    /// - Parameter settings: more of what holds for all addresses.
    init(_ scene: Scene, _ server: TestServer, _ settings: String = "", name: String = "proxy") throws {
      path = scene.path("\(name).sock")
      let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map { "\($0)_temp_path \(scene.path("\(name).\($0)"));" }.joined(separator: " ")
      let configuration = """
        daemon off; master_process off; pid \(scene.path("\(name).pid")); error_log stderr;
        events { worker_connections 512; }
        http {
          access_log off; \(scratch)
          server {
            listen unix:\(path);
            location / {
              proxy_pass \(try server.httpURL());
              proxy_http_version 1.1; \(settings)
              proxy_set_header Upgrade $http_upgrade;
              proxy_set_header Connection $http_connection;
            }
          }
        }
        """
      let file = try scene.file("\(name).conf", configuration.utf8)
      _ = try scene.start(ReverseProxyTests.nginx, ["-p", scene.path(""), "-c", file])
      let path = path
      try Polling.wait(for: "nginx") { (try? HTTPPeer(unix: path)) != nil }
    }

    func peer() throws -> HTTPPeer { try HTTPPeer(unix: path) }
  }

  /// Appends numbered lines, some at a time, for as long as the test lasts.
  private static func append(_ server: TestServer, _ numbers: Range<Int>) throws {
    let answer = try HTTPPeer(server).ask(
      "POST", "/api/v1/streams/web/entries", ["Content-Type: text/plain"],
      body: numbers.map(String.init).joined(separator: "\n"))
    #expect(answer.status == 200, "\(answer.text)")
  }

  private static let cutCount = 50

  /// Follows over many connections, each cut after some entries, and expects each entry once and in order.
  ///
  /// - Parameter follow: makes a connection that goes on behind a position, nil for the start, and gives each entry's
  ///   message and position.
  private static func cutAgainAndAgain(
    _ follow: (Proxy, _ position: String?) throws -> () throws -> (message: String, position: String)
  ) throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      let proxy = try Proxy(scene, server)
      var position: String?
      var next = 1
      var appended = 1
      for _ in 0..<cutCount {
        let more = Int.random(in: 1...40, using: &random)
        try append(server, appended..<appended + more)
        appended += more
        let reader = try follow(proxy, position)
        // Sometimes behind what is stored, so that the connection is cut while it waits.
        for _ in 0..<Int.random(in: 0...appended - next, using: &random) {
          let entry = try reader()
          #expect(entry.message == "\(next)")
          next += 1
          position = entry.position
        }
      }
      let reader = try follow(proxy, position)
      while next < appended {
        #expect(try reader().message == "\(next)")
        next += 1
      }
    }
  }

  @Test(.enabled(if: access(nginx, X_OK) == 0))
  func `events go on behind their last id, whenever the connection is cut`() throws {
    try Self.cutAgainAndAgain { proxy, position in
      let headers = position.map { ["Last-Event-ID: \($0)"] } ?? []
      let reader = try EventReader(proxy.peer(), "/api/v1/streams/web/follow", headers)
      return {
        while true {
          let event = try reader.next()
          if event.name == "log" { return (event.message, event.id) }
        }
      }
    }
  }

  @Test(.enabled(if: access(nginx, X_OK) == 0))
  func `messages of a WebSocket go on behind their last cursor, whenever the connection is cut`() throws {
    try Self.cutAgainAndAgain { proxy, position in
      let socket = try WebSocketPeer(proxy.peer(), "/api/v1/ws", isCompressed: true)
      let after = position.map { #","after":{"web":"\#($0)"}"# } ?? ""
      try socket.send(#"{"type":"subscribe","id":"a","streams":["web"]\#(after)}"#)
      return {
        while true {
          let message = try socket.object()
          if message["type"] as? String == "log", let entry = message["log"] as? [String: Any] {
            return (entry["message"] as? String ?? "", message["cursor"] as? String ?? "")
          }
        }
      }
    }
  }

  /// By default nginx closes what is silent for 60 s, and the server breaks its silence every 15 s. Here both are 15
  /// times shorter.
  @Test(.enabled(if: access(nginx, X_OK) == 0))
  func `a silent follow lives longer than the proxy's patience`() throws {
    try Scene.play { scene in
      // 1 s over HTTP.
      let server = try TestServer(scene, TestServer.listensForHTTP + ["--heartbeat", "667ms"])
      let proxy = try Proxy(scene, server, "proxy_read_timeout 4s; proxy_send_timeout 4s;")
      let reader = try EventReader(proxy.peer(), "/api/v1/streams/web/follow")
      let socket = try WebSocketPeer(proxy.peer(), "/api/v1/streams/web/follow")
      #expect(try reader.next().name == "live")
      // Three times the patience.
      for number in 1...12 { #expect(try reader.next().name == "heartbeat", "\(number)") }
      try Self.append(server, 1..<2)
      #expect(try reader.nextAfterHeartbeats().message == "1")
      #expect(try socket.object()["message"] as? String == "1")

      // Without heartbeats in time the proxy ends it, so the above shows something.
      let quiet = try TestServer(scene, TestServer.listensForHTTP + ["--heartbeat", "60s"], name: "quiet")
      let impatient = try Proxy(scene, quiet, "proxy_read_timeout 3s;", name: "impatient")
      let cut = try EventReader(impatient.peer(), "/api/v1/streams/web/follow")
      #expect(try cut.next().name == "live")
      #expect(throws: Failure.self) { _ = try cut.next() }
    }
  }

  @Test(.enabled(if: access(nginx, X_OK) == 0))
  func `an event comes through at once, though the proxy buffers`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      let proxy = try Proxy(scene, server)
      let reader = try EventReader(proxy.peer(), "/api/v1/streams/web/follow")
      #expect(try reader.next().name == "live")
      try Self.append(server, 1..<2)
      // It waits for this one, and would wait for good if it were held back until a buffer is full.
      #expect(try reader.next().message == "1")
    }
  }
}
