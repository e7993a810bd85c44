import Foundation
import Glibc
import Testing

/// `logsd` as a service manager runs it (sd_notify(3)), without one.
@Suite(.ownThread) struct ServiceTests {
  /// A socket that takes what the server says about its state.
  private final class Manager {
    let path: String
    private let descriptor: Int32

    init(_ scene: Scene) throws {
      path = scene.path("notify")
      descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
      let status = withUnsafePointer(to: address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      guard descriptor >= 0, status == 0 else { throw Failure.errno("bind") }
      var patience = timeval(tv_sec: 30, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Waits for a message that begins so.
    func wait(for beginning: String) throws -> String {
      while true {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { throw Failure.errno("nothing came that begins with \(beginning)") }
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        if text.hasPrefix(beginning) { return text }
      }
    }
  }

  @Test func `the service manager hears of start, life, reload and stop`() throws {
    try Scene.play { scene in
      let manager = try Manager(scene)
      let server = try TestServer(
        scene, environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"])
      #expect(try manager.wait(for: "READY") == "READY=1")
      #expect(try manager.wait(for: "STATUS").contains("0 streams"))
      #expect(try manager.wait(for: "WATCHDOG") == "WATCHDOG=1")
      try expectSuccess(server.run(["push", "web", scene.file("f", "one\n".utf8)]))
      while try !manager.wait(for: "STATUS").contains(" 1 stream,") {}
      server.process.signal(SIGHUP)
      #expect(try manager.wait(for: "RELOADING").contains("\nMONOTONIC_USEC="))
      #expect(try manager.wait(for: "READY") == "READY=1")
      #expect(try server.stop() == .code(0))
      #expect(try manager.wait(for: "STOPPING") == "STOPPING=1")
    }
  }

  @Test func `logsd config checks and shows, and version says which it is`() throws {
    try Scene.play { scene in
      let good = try scene.file("good.conf", "data = \(scene.path("data"))\nlisten = 127.0.0.1:0\n".utf8)
      let bad = try scene.file("bad.conf", "listne = 127.0.0.1:0\n".utf8)
      let checked = try scene.run(Binaries.logsd, ["config", "check", "--config", good])
      #expect(checked.exit == .code(0) && checked.errors.isEmpty)
      let wrong = try scene.run(Binaries.logsd, ["config", "check", "--config", bad])
      #expect(wrong.exit == .code(2) && wrong.errors.contains("bad.conf:1: there is no setting 'listne'"))
      let shown = try scene.run(Binaries.logsd, ["config", "show", "--config", good])
      #expect(shown.lines.contains { $0.hasPrefix("listen ") && $0.hasSuffix("# \(good):2") })
      #expect(try scene.run(Binaries.logsd, ["version"]).text.hasPrefix("logsd "))
      #expect(try scene.run(Binaries.logsd, ["config", "chek"]).exit == .code(2))
    }
  }
}
