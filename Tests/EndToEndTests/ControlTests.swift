import Foundation
import Glibc
import Testing

/// `logsd reload` and `logsd seal`, over the control socket of a server that runs.
@Suite(.ownThread) struct ControlTests {
  private static func call(_ server: TestServer, _ words: String...) throws -> Finished {
    try server.scene.run(Binaries.logsd, words + ["--data", server.data])
  }

  /// What the server answers to bytes on its control socket.
  private static func ask(_ server: TestServer, _ text: String) throws -> String {
    let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(file) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array("\(server.data)/control.sock".utf8)) }
    let status = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0 else { throw Failure.errno("connect") }
    _ = send(file, text, text.utf8.count, Int32(MSG_NOSIGNAL))
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = recv(file, &buffer, buffer.count, 0)
      guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
      answer += buffer[..<count]
    }
  }

  @Test func `a reload says what has changed, what counts from the next start, and what is wrong`() throws {
    try Scene.play { scene in
      let path = try scene.file("logsd.conf", "streams = 1\n".utf8)
      let server = try TestServer(scene, ["--config", path])
      var finished = try Self.call(server, "reload")
      #expect(finished.exit == .code(0) && finished.errors.contains("nothing has changed"), "\(finished.errors)")
      try scene.file("logsd.conf", "streams = 2\nreader-threads = 9\n".utf8)
      finished = try Self.call(server, "reload")
      #expect(finished.exit == .code(0) && finished.output.isEmpty)
      let lines = [
        "logsd: notice the settings were read again: streams is 2, it was 1",
        "logsd: warn reader-threads counts from the next start: restart the server",
      ]
      #expect(finished.errorLines == lines, "\(finished.errors)")
      try scene.file("logsd.conf", "streams = many\n".utf8)
      finished = try Self.call(server, "reload")
      #expect(finished.exit == .code(1), "\(finished.errors)")
      #expect(finished.errors.contains("error the settings in use stay: \(path):1: 'many' is no number"))
      #expect(try server.stop() == .code(0))
      finished = try Self.call(server, "reload")
      #expect(finished.exit == .code(1) && finished.errorLines.count == 1, "\(finished.errors)")
      #expect(finished.errors.contains("no server can be reached at \(server.data)/control.sock"))
      #expect(!FileManager.default.fileExists(atPath: "\(server.data)/control.sock"))
      // A server that was killed leaves a socket, which is no obstacle.
      try scene.file("logsd.conf", "streams = 2\n".utf8)
      try server.restart()
      try server.kill()
      #expect(try Self.call(server, "reload").exit == .code(1))
      try server.restart()
      #expect(try Self.call(server, "reload").exit == .code(0))
    }
  }

  @Test func `seal waits until everything is sealed`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(1_000)))
      #expect(try server.run(["push", "web", file]).exit == .code(0))
      let finished = try Self.call(server, "seal")
      #expect(finished.exit == .code(0) && finished.errors.contains("everything stored in"), "\(finished.errors)")
      try server.process.errors.waitForText("logsd seal: everything stored so far is being sealed")
      #expect(server.process.errors.text.contains("segment 1 is sealed"))
      #expect(try Self.ask(server, "seal\n") == "notice everything stored is sealed\nok\n")
    }
  }

  @Test func `the socket is the owner's alone, and takes nothing but commands`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      var status = stat()
      #expect(lstat("\(server.data)/control.sock", &status) == 0)
      #expect(status.st_mode & S_IFMT == S_IFSOCK && status.st_mode & 0o777 == 0o600)
      let unknown = try Self.ask(server, "stop\n")
      #expect(unknown == "error there is no command 'stop'; there are reload, seal\nfailed\n", "\(unknown)")
      #expect(try Self.ask(server, String(repeating: "x", count: 10_000)) == "")
      #expect(try Self.ask(server, "reload\nreload\n").hasSuffix("ok\n"))
      #expect(try server.stop() == .code(0))
      let count = server.process.errors.lines.count { $0.contains("the settings were read again") }
      #expect(count == 1, "\(server.process.errors.text)")
    }
  }

  @Test func `a path that no socket can have leaves the signals`() throws {
    try Scene.play { scene in
      let data = scene.path(String(repeating: "long-", count: 30))
      let server = try TestServer(scene, data: data)
      try server.process.errors.waitForText("use SIGHUP and SIGUSR1")
      let file = try scene.file("f", LogLines.file(LogLines.plain(10)))
      #expect(try server.run(["push", "web", file]).exit == .code(0))
      #expect(try Self.call(server, "seal").exit == .code(0))
      let reload = try Self.call(server, "reload")
      #expect(reload.exit == .code(1) && reload.errors.contains("SIGHUP does the same"), "\(reload.errors)")
    }
  }
}
