import Foundation
import Glibc
import Testing

/// A disk without space.
@Suite(.ownThread) struct FullDiskTests {
  @Test func `a push waits while the disk is full, and continues when there is space`() throws {
    try Scene.play { scene in
      guard let disk = try scene.smallDisk(mebibytes: 8) else { return }

      let server = try TestServer(scene, data: "\(disk)/data")
      let lines = LogLines.plain(1_000)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(lines))]))
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      try follow.output.waitForLines(lines.count)
      let filler = "\(disk)/filler"
      try fill(filler)

      let more = LogLines.plain(20_000, from: 1_001)
      let push = try server.start(["push", "web", try scene.file("g", LogLines.file(more))])
      try push.errors.waitForText(Self.diskIsFull)
      #expect(!push.hasEnded)
      let stored = try server.stored("web")
      let file = LogLines.file(lines + more)
      #expect(file.starts(with: stored) && stored.count >= LogLines.file(lines).count)

      unlink(filler)
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try follow.output.waitForLines(lines.count + more.count)
      expectSame(follow.output.bytes, file)
      try expectSame(server.stored("web"), file)

      // Killed on a full disk, it starts there again, shows everything acknowledged, and continues once there is space.
      try fill(filler)
      let last = try server.start(["push", "web", scene.path("f")])
      try last.errors.waitForText(Self.diskIsFull)
      try server.kill()
      try server.restart()
      #expect(try server.stored("web").starts(with: file))
      unlink(filler)
      #expect(try last.wait() == .code(0), "\(last.errors.text)")
      try expectSame(server.stored("web"), file + LogLines.file(lines))
    }
  }

  @Test func `a stopped server starts on a full disk with its reserve, and refuses appends`() throws {
    try Scene.play { scene in
      guard let disk = try scene.smallDisk(mebibytes: 80) else { return }

      let data = "\(disk)/data"
      let server = try TestServer(scene, data: data)
      let lines = LogLines.plain(1_000)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(lines))]))
      try waitForReserve(data)
      #expect(try server.stop() == .code(0))
      let filler = "\(disk)/filler"
      try fill(filler)

      try server.restart()
      #expect(try byteCount("\(data)/reserve") < 8 << 20)
      try expectSame(server.stored("web"), LogLines.file(lines))
      // The room that the start has left is soon used up.
      try fill(filler)
      let push = try server.start(["push", "web", scene.path("f")])
      try push.errors.waitForText(Self.diskIsFull)
      #expect(!push.hasEnded)

      // Killed repeatedly by its supervisor, it still starts.
      for _ in 0..<3 {
        try server.kill()
        try server.restart()
        #expect(try server.stored("web").starts(with: LogLines.file(lines)))
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: data)
      #expect(names.allSatisfy { !$0.hasSuffix(".tmp") }, "\(names)")
      unlink(filler)
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try expectSame(server.stored("web"), LogLines.file(lines + lines))
      try waitForReserve(data)
    }
  }

  @Test func `everything is read while what was acknowledged last does not get out of the journal`() throws {
    try Scene.play { scene in
      guard let disk = try scene.smallDisk(mebibytes: 16) else { return }

      let data = "\(disk)/data"
      let server = try TestServer(scene, TestServer.listensForHTTP + ["--journal-bytes", "256K"], data: data)
      var lines = LogLines.plain(1_000)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(lines))]))
      // Nothing of it is in memory after that.
      #expect(try server.stop() == .code(0))
      try server.restart()
      var waiting: ChildProcess?
      while waiting == nil {
        try fill("\(disk)/filler")
        let line = LogLines.plain(1, from: lines.count + 1)
        let push = try server.start(["push", "web", try scene.file("line", LogLines.file(line))])
        try Polling.wait(for: "an answer to the push") {
          push.hasEnded || push.errors.text.contains(Self.diskIsFull)
        }
        if push.hasEnded { lines += line } else { waiting = push }
      }
      #expect(try server.fact("unapplied_bytes") > 0)

      try expectSame(server.stored("web"), LogLines.file(lines))
      let first = try server.run(["query", "web", "-n", "3", "-o", "raw"])
      expectSame(first.output, LogLines.file(Array(lines.prefix(3))))
      let last = try server.run(["query", "web", "-r", "-n", "\(lines.count - 990)", "-o", "raw"])
      expectSame(last.output, LogLines.file(lines.suffix(lines.count - 990).reversed()))
      #expect(try server.run(["query", "web", "--count"]).text.contains("\(lines.count)"))
      let recent = try server.run(["query", "web", "--since", "1h", "-n", "2", "-o", "raw"])
      expectSame(recent.output, LogLines.file(Array(lines.prefix(2))))
      let page = try HTTPPeer(server).get("/api/v1/streams/web/entries?after=0&limit=2")
      #expect(page.status == 200 && page.text.contains("\"seq\":2"), "\(page.text)")
      // SQL reads the files: it has what is in the segment, and says that something is missing.
      let count = ["sql", data, "select count(*) from entries where stream = 'web'", "-o", "csv"]
      let found = try scene.run(Binaries.logsd, count)
      let counted = try #require(found.lines.last.flatMap { Int($0) })
      #expect(found.exit == .code(0) && (1_000..<lines.count).contains(counted), "\(found.text) \(found.errors)")
      #expect(found.errors.contains("the server cannot put it into its segment for now"), "\(found.errors)")
      #expect(try server.fact("unapplied_bytes") > 0)

      unlink("\(disk)/filler")
      #expect(try waiting?.wait() == .code(0), "\(waiting?.errors.text ?? "")")
      lines += LogLines.plain(1, from: lines.count + 1)
      try expectSame(server.stored("web"), LogLines.file(lines))
      let again = try scene.run(Binaries.logsd, count)
      #expect(again.lines.last == "\(lines.count)" && again.errors.isEmpty, "\(again.text) \(again.errors)")
    }
  }

  /// What a push says when the server has refused its entries.
  private static let diskIsFull = "the server's disk is full"

  private func waitForReserve(_ data: String) throws {
    try Polling.wait(for: "the whole reserve") { try byteCount("\(data)/reserve") >= 8 << 20 }
  }

  private func byteCount(_ path: String) throws -> Int {
    var status = stat()
    if stat(path, &status) == 0 { return Int(status.st_size) }
    guard errno == ENOENT else { throw Failure.errno("cannot look at \(path)") }
    return 0
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
