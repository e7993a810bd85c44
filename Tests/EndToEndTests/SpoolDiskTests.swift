import Foundation
import Glibc
import Testing

@testable import LogsClient

/// A spool on a disk that it has filled.
@Suite(.ownThread) struct SpoolDiskTests {
  /// Lines that take more than the disk has, even compressed.
  private static func noise(_ random: inout Seeded) -> [[UInt8]] {
    (0..<20_000).map { number in
      var line = Array("\(number) ".utf8)
      while line.count < 1_000 { line += String(random.next(), radix: 36).utf8 }
      return line
    }
  }

  @Test func `it drains once its server comes, even after a restart, and everything is stored once`() throws {
    var random = Seeded.forTest()
    let file = LogLines.file(Self.noise(&random))
    for isKilled in [false, true] {
      try Scene.play { scene in
        guard let disk = try scene.smallDisk(mebibytes: 12) else { return }

        let spool = "\(disk)/spool"
        let push = try scene.start(
          Binaries.logs,
          [
            "push", "web", try scene.file("noise", file), "--spool", spool, "--server", TestServer.unixURL(scene),
          ])
        try push.errors.waitForText("its disk is full")
        try fill("\(disk)/filler")
        guard isKilled else {
          let server = try TestServer(scene)
          // It accepts new entries as soon as it has room again.
          unlink("\(disk)/filler")
          #expect(try push.wait() == .code(0), "\(push.errors.text)")
          return try expectSame(server.stored("web"), file)
        }
        push.signal(SIGKILL)
        _ = try push.wait()
        let kept = try SpoolReport.inspect(spool).entryCount
        #expect(kept > 1_000)
        let server = try TestServer(scene)
        let drain = try server.run(["spool", "drain", spool])
        #expect(drain.exit == .code(0), "\(drain.errors)")
        #expect(drain.errors.contains("\(kept) entries acknowledged"))
        let stored = try server.stored("web")
        #expect(file.starts(with: stored))
        #expect(stored.count { $0 == UInt8(ascii: "\n") } == Int(kept))
        #expect(try SpoolReport.inspect(spool).entryCount == 0)
      }
    }
  }

  @Test(arguments: [0, 1]) func `a push with no room in its spool and no server gives up when its time is over`(
    _ patience: Int
  ) throws {
    try Scene.play { scene in
      guard let disk = try scene.smallDisk(mebibytes: 12) else { return }
      var random = Seeded.forTest()
      let push = try scene.run(
        Binaries.logs,
        [
          "push", "web", try scene.file("noise", LogLines.file(Self.noise(&random))), "--spool", "\(disk)/spool",
          "--server", TestServer.unixURL(scene), "--retry-for", "\(patience)",
        ])
      #expect(push.exit == .code(3), "\(push.errors)")
      #expect(push.errors.contains("are kept in \(disk)/spool"), "\(push.errors)")
    }
  }

  /// Writes until nothing more fits.
  private func fill(_ path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure.errno("cannot make \(path)") }
    defer { close(descriptor) }
    let bytes = [UInt8](repeating: 0x46, count: 4096)
    while write(descriptor, bytes, bytes.count) > 0 {}
  }
}
