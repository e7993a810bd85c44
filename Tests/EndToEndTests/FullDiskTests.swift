import Foundation
import Glibc
import Testing

/// A disk without space.
@Suite(.ownThread) struct FullDiskTests {
  @Test func `a push waits while the disk is full, and goes on when there is space`() throws {
    try Scene.play { scene in
      let disk = scene.path("disk")
      try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
      guard mount("tmpfs", disk, "tmpfs", 0, "size=8m") == 0 else {
        return print("skipped: a small disk cannot be mounted here (\(String(cString: strerror(errno))))")
      }
      scene.atEnd { umount2(disk, Int32(MNT_DETACH)) }

      let server = try TestServer(scene, data: "\(disk)/data")
      let lines = LogLines.plain(1_000)
      #expect(try server.run(["push", "web", try scene.file("f", LogLines.file(lines))]).exit == .code(0))
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      try follow.output.waitForLines(lines.count)
      let filler = "\(disk)/filler"
      try fill(filler)

      let more = LogLines.plain(20_000, from: 1_001)
      let push = try server.start(["push", "web", try scene.file("g", LogLines.file(more))])
      while try server.fact("disk_full_total") == 0 {}
      #expect(!push.hasEnded)
      let stored = try server.stored("web")
      let file = LogLines.file(lines + more)
      #expect(file.starts(with: stored) && stored.count >= LogLines.file(lines).count)

      unlink(filler)
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try follow.output.waitForLines(lines.count + more.count)
      expectSame(follow.output.bytes, file)
      try expectSame(server.stored("web"), file)

      // Killed on a full disk, it starts again once there is space, with all that was acknowledged.
      try fill(filler)
      let last = try server.start(["push", "web", scene.path("f")])
      let before = try server.fact("disk_full_total")
      while try server.fact("disk_full_total") == before {}
      try server.kill()
      unlink(filler)
      try server.restart()
      #expect(try last.wait() == .code(0), "\(last.errors.text)")
      try expectSame(server.stored("web"), file + LogLines.file(lines))
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
