import Foundation
import Glibc
import Testing

/// `logsd reload` and `logsd seal`, over the control socket of a server that runs.
@Suite(.ownThread) struct ControlTests {
  private static func call(_ server: TestServer, _ words: String...) throws -> Finished {
    try server.scene.run(Binaries.logsd, words + ["--data", server.data])
  }

  /// A connection to the control socket.
  private static func call(_ server: TestServer) throws -> Int32 {
    let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array("\(server.data)/control.sock".utf8)) }
    let status = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0 else {
      defer { close(file) }
      throw Failure.errno("connect")
    }
    return file
  }

  /// What the server answers to bytes on its control socket.
  private static func ask(_ server: TestServer, _ text: String, ends: Bool = false) throws -> String {
    let file = try call(server)
    defer { close(file) }
    _ = send(file, text, text.utf8.count, Int32(MSG_NOSIGNAL))
    if ends { shutdown(file, Int32(SHUT_WR)) }
    return answer(file)
  }

  /// Everything that comes until the server closes.
  private static func answer(_ file: Int32) -> String {
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
      #expect(finished.errors.contains("error the settings in use stay: \(path):1: streams: 'many' is no number"))
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
      try expectSuccess(Self.call(server, "reload"))
    }
  }

  @Test func `seal waits until everything is sealed`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(1_000)))
      try expectSuccess(server.run(["push", "web", file]))
      let finished = try Self.call(server, "seal")
      #expect(finished.exit == .code(0) && finished.errors.contains("everything stored in"), "\(finished.errors)")
      try server.process.errors.waitForText("logsd seal: everything stored so far is being sealed")
      try server.process.errors.waitForText("segment 1 is sealed")
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
      let long = try Self.ask(server, String(repeating: "x", count: 10_000))
      #expect(long == "error the command is longer than 256 bytes\nfailed\n", "\(long)")
      #expect(try Self.ask(server, "reload\r\n").hasSuffix("ok\n"))
      let cut = try Self.ask(server, "reload", ends: true)
      #expect(cut == "error the command does not end with a newline\nfailed\n", "\(cut)")
      #expect(try Self.ask(server, "", ends: true) == "")
      let two = try Self.ask(server, "reload\nseal\n")
      #expect(two.hasPrefix("notice the settings were read again"), "\(two)")
      #expect(two.hasSuffix("error only the first line was done: each command needs a call of its own\nfailed\n"))
      #expect(try server.stop() == .code(0))
      let lines = server.process.errors.lines
      #expect(lines.count { $0.contains("the settings were read again") } == 2, "\(lines)")
      #expect(!lines.contains { $0.contains("sealed") }, "\(lines)")
      for reason in ["there is no command 'stop'; there are reload, seal", "the command is longer than 256 bytes"] {
        let line = "warn a call of the control socket of user \(geteuid()) is refused: \(reason)"
        #expect(lines.contains { $0.hasSuffix(line) }, "\(lines)")
      }
    }
  }

  @Test func `calls that say nothing keep nobody out`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let idle = try (0..<40).map { _ in try Self.call(server) }
      defer { for file in idle { close(file) } }
      let finished = try Self.call(server, "reload")
      #expect(finished.exit == .code(0) && finished.errors.contains("nothing has changed"), "\(finished.errors)")
      #expect(Self.answer(idle[0]) == "error others wait; say at once what to do\nfailed\n")
      // The others are given up one by one, since nothing comes from them.
      #expect(Self.answer(idle[39]) == "error no command came within 10 s\nfailed\n")
    }
  }

  @Test func `a user who is neither the server's nor root is refused in words`() throws {
    try Scene.play { scene in
      let setpriv = "/usr/bin/setpriv"
      guard geteuid() == 0, access(setpriv, X_OK) == 0 else {
        return print("skipped: only root can become another user here, with setpriv")
      }
      let server = try TestServer(scene)
      let call = ["--reuid=65534", "--clear-groups", Binaries.logsd, "reload", "--data", server.data]
      // Who may open all files gets as far as the socket.
      let all = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
      var finished = try scene.run(setpriv, all + call)
      #expect(finished.exit == .code(1), "\(finished.errors)")
      #expect(finished.errors == "logsd: error user 65534 may not do that; user 0 may\n", "\(finished.errors)")
      try server.process.errors.waitForText("of user 65534 is refused: user 65534 may not do that")
      for path in [scene.directory, server.data] { chmod(path, 0o755) }
      finished = try scene.run(setpriv, call)
      if finished.errors.contains("failed to execute") { return print("skipped: user 65534 cannot run the program") }
      #expect(finished.exit == .code(1), "\(finished.errors)")
      #expect(finished.errors.contains("user 65534 may not command the server of \(server.data)"), "\(finished.errors)")
    }
  }

  @Test func `a flag that a reload cannot mean is refused`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for (words, reason) in [
        (
          ["reload", "--data", server.data, "--connections", "7"],
          "logsd reload takes no --connections: the server reads"
        ),
        (["reload", server.data], "give the data directory with a flag: reload --data \(server.data)"),
        (["seal", server.data], "give the data directory with a flag: seal --data \(server.data)"),
      ] {
        let finished = try scene.run(Binaries.logsd, words)
        #expect(finished.exit == .code(2) && finished.errors.contains(reason), "\(finished.errors)")
      }
      try server.stop()
      #expect(!server.process.errors.text.contains("read again"))
    }
  }

  @Test func `a path that no socket can have leaves the signals`() throws {
    try Scene.play { scene in
      let data = scene.path(String(repeating: "long-", count: 30))
      let server = try TestServer(scene, data: data)
      try server.process.errors.waitForText("use SIGHUP and SIGUSR1")
      let file = try scene.file("f", LogLines.file(LogLines.plain(10)))
      try expectSuccess(server.run(["push", "web", file]))
      try expectSuccess(Self.call(server, "seal"))
      let reload = try Self.call(server, "reload")
      #expect(reload.exit == .code(1) && reload.errors.contains("SIGHUP does the same"), "\(reload.errors)")
    }
  }
}
