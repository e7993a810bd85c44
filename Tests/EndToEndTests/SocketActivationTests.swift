import Foundation
import Glibc
import LogsWire
import Testing

/// `logsd` with sockets that the program that starts it has opened, as systemd does (sd_listen_fds(3)).
@Suite(.ownThread) struct SocketActivationTests {
  /// A shell in between knows the process that the server will be.
  private static let launcher =
    #"LISTEN_PID=$$ LISTEN_FDS=$1 LISTEN_FDNAMES=$2; export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES; shift 2; exec "$@""#

  private static func launch(
    _ scene: Scene, _ sockets: [(name: String, descriptor: Int32)], _ flags: [String] = []
  ) throws -> ChildProcess {
    let names = sockets.map(\.name).joined(separator: ":")
    return try scene.start(
      "/bin/sh",
      ["-c", launcher, "launcher", "\(sockets.count)", names, Binaries.logsd, "--data", scene.path("data")] + flags,
      environment: ["LOGSD_DISK_MIN_FREE": "0"], descriptors: sockets.map(\.descriptor))
  }

  /// The lines of a server that has become ready, without "ready ".
  private static func doors(_ server: ChildProcess, count: Int) throws -> [String] {
    try server.output.waitForLines(count)
    return server.output.lines.map { String($0.dropFirst("ready ".count)) }
  }

  /// Whether the process has marked a descriptor to be closed in programs that it starts.
  private static func isClosedOnExec(_ process: ChildProcess, _ number: Int) throws -> Bool {
    let file = try String(contentsOfFile: "/proc/\(process.pid)/fdinfo/\(number)", encoding: .utf8)
    let flags = file.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t").last
    guard let flags, let value = Int32(flags, radix: 8) else { throw Failure("no flags in \(file)") }
    return value & O_CLOEXEC != 0
  }

  @Test func `a server takes the sockets that it is handed, and clients wait in them while it is away`() throws {
    try Scene.play { scene in
      let tcp = try Sockets.listen()
      let http = try Sockets.listen()
      let path = scene.path("handed.sock")
      let unix = try Sockets.listen(unix: path)
      let mine = [tcp.descriptor, http.descriptor, unix]
      defer { for descriptor in mine { close(descriptor) } }
      let sockets = [("logs", tcp.descriptor), ("http", http.descriptor), ("logs", unix)]
      // What it would open itself is not opened where the same is spoken.
      let flags = ["--listen", "127.0.0.1:0", "--listen-unix", scene.path("own.sock"), "--listen-http", "127.0.0.1:0"]
      let server = try Self.launch(scene, sockets, flags)
      let doors = [
        "logs://127.0.0.1:\(tcp.port)", "http://127.0.0.1:\(http.port)", "logs+unix://\(path)",
      ]
      #expect(try Self.doors(server, count: 3) == doors)
      for number in 3...5 { #expect(try Self.isClosedOnExec(server, number), "\(number)") }
      let first = try scene.file("first", "one\ntwo\n".utf8)
      try expectSuccess(scene.run(Binaries.logs, ["push", "web", first, "--server", doors[0]]))
      server.signal(SIGKILL)
      try server.wait()

      let second = try scene.file("second", "three\n".utf8)
      let waiting = try scene.start(Binaries.logs, ["push", "web", second, "--server", doors[2]])
      let reading = try scene.start(
        Binaries.logs, ["follow", "web", "-n", "all", "--until-head", "-o", "raw", "--server", doors[0]])
      let again = try Self.launch(scene, sockets, flags)
      #expect(try waiting.wait() == .code(0))
      #expect(waiting.errors.text.split(separator: "\n").count == 1, "it was never refused: \(waiting.errors.text)")
      #expect(try reading.wait() == .code(0))
      #expect(reading.output.text.hasPrefix("one\ntwo\n") && reading.errors.text.isEmpty, "\(reading.errors.text)")
      again.signal(SIGTERM)
      #expect(try again.wait() == .code(0))
      #expect(again.output.lines.count == 3)
      // The file belongs to the maker of the socket.
      #expect(access(path, F_OK) == 0)
    }
  }

  @Test func `only what is handed replaces what is set, and only for the process that it is meant for`() throws {
    try Scene.play { scene in
      let http = try Sockets.listen()
      defer { close(http.descriptor) }
      let server = try Self.launch(
        scene, [("http", http.descriptor)], ["--listen", "127.0.0.1:0", "--listen-http", "127.0.0.1:0"])
      let doors = try Self.doors(server, count: 2)
      #expect(doors[0] == "http://127.0.0.1:\(http.port)" && doors[1].hasPrefix("logs://127.0.0.1:"), "\(doors)")
      server.signal(SIGTERM)
      #expect(try server.wait() == .code(0))
      let other = try scene.start(
        Binaries.logsd, ["--data", scene.path("data"), "--listen", "127.0.0.1:0"],
        environment: ["LISTEN_PID": "1", "LISTEN_FDS": "1", "LOGSD_DISK_MIN_FREE": "0"],
        descriptors: [http.descriptor])
      #expect(try Self.doors(other, count: 1)[0].hasPrefix("logs://"))
      let line =
        "warn sockets were handed over (LISTEN_FDS is 1) and are not used: LISTEN_PID is 1, and this is process"
      try other.errors.waitForText("\(line) \(other.pid);")
      other.signal(SIGTERM)
      try other.wait()
      for (variables, reason) in [
        (["LISTEN_FDS": "2"], "LISTEN_PID is not set"), (["LISTEN_PID": "1"], "LISTEN_FDS, which says how many"),
      ] {
        let process = try scene.start(
          Binaries.logsd, ["--data", scene.path("data"), "--listen", "127.0.0.1:0"],
          environment: variables.merging(["LOGSD_DISK_MIN_FREE": "0"]) { $1 })
        try process.output.waitForLines(1)
        try process.errors.waitForText(reason)
        process.signal(SIGTERM)
        #expect(try process.wait() == .code(0))
      }
    }
  }

  @Test func `what cannot be a door is refused, and an open one needs what other open doors need`() throws {
    try Scene.play { scene in
      let (tcp, open) = (try Sockets.listen(), try Sockets.listen(onAllAddresses: true))
      let unix = try Sockets.listen(unix: scene.path("unix"))
      let plain = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      defer { for descriptor in [tcp.descriptor, open.descriptor, unix, plain] { close(descriptor) } }
      for (name, descriptor, code, part) in [
        ("other.socket", tcp.descriptor, 2, "has the name 'other.socket'; set FileDescriptorName= in its unit to one"),
        ("logs", plain, 2, "the descriptor 3, which was handed over, does not listen"),
        ("logs-tls", unix, 2, "is a Unix socket, which has no TLS"),
        ("logs", open.descriptor, 1, "would take connections of other machines without TLS"),
        ("https", tcp.descriptor, 1, "--tls-cert"),
      ] as [(String, Int32, Int32, String)] {
        let server = try Self.launch(scene, [(name, descriptor)])
        #expect(try server.wait() == .code(code), "\(name)")
        #expect(server.errors.text.contains(part), "\(server.errors.text)")
      }
      // The name that systemd gives if the unit has none.
      let none = try Self.launch(
        scene, [("logsd.socket", tcp.descriptor)], ["--data", scene.path("data"), "--listen", "none"])
      #expect(try Self.doors(none, count: 1) == ["logs://127.0.0.1:\(tcp.port)"])
    }
  }
}
