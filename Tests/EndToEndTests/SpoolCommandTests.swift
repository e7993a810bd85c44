import Foundation
import Testing

@testable import LogsClient

/// `logs spool` on a producer's spool.
@Suite(.ownThread) struct SpoolCommandTests {
  private func makeSpool(_ path: String) throws -> Spool {
    let spool = try Spool(path) { Issue.record("\($0.text)") }
    var (index, truncatedCount) = (0, UInt64(0))
    let entries = (1...5).map { LogEntry(message: ByteString("line \($0)")) }
    let batch = try BatchEncoder().next(entries, from: &index, truncatedCount: &truncatedCount)
    let drafts = ["web", "db", "web"].map { name in
      EncodedBatch(
        stream: StreamName(stored: name), content: .batch(batch.bytes, entryCount: 5), entryCount: 5,
        accepted: 1_768_046_400_123_000_000)
    }
    _ = try spool.store(drafts, removing: [])
    return spool
  }

  @Test func `inspect lists the streams of a spool that is in use, and of one that is not`() throws {
    try Scene.play { scene in
      let spool = try makeSpool(scene.path("spool"))
      let size = spool.totals.byteCount / 3
      let table = """
        NAME  BATCHES  ENTRIES  BYTES  FIRST  LAST  OLDEST
        db          1        5    \(size)      1     1  2026-01-10 12:00:00.123
        web         2       10    \(size * 2)      1     2  2026-01-10 12:00:00.123

        """
      let used = try scene.run(Binaries.logs, ["spool", "inspect", scene.path("spool"), "--utc"])
      #expect(used.exit == .code(0), "\(used.errors)")
      #expect(used.text == table)
      #expect(
        used.errors.contains("producer \(spool.producer), in use by process \(getpid()), 3 batches with 15 entries"))
      spool.close()
      let closed = try scene.run(Binaries.logs, ["spool", "inspect", scene.path("spool"), "--utc"])
      #expect(closed.text == table)
      #expect(closed.errors.contains("not in use"), "\(closed.errors)")
      let json = try scene.run(Binaries.logs, ["spool", "inspect", scene.path("spool"), "-o", "json"])
      let object = try #require(JSONSerialization.jsonObject(with: Data(json.output)) as? [String: Any])
      #expect(object["producer"] as? String == spool.producer.description)
      #expect(object["entries"] as? Int == 15)
      #expect((object["streams"] as? [[String: Any]])?.map { $0["name"] as? String } == ["db", "web"])
    }
  }

  @Test func `verify shows by its exit code whether everything is intact, and names damage`() throws {
    try Scene.play { scene in
      let path = scene.path("spool")
      try makeSpool(path).close()
      let intact = try scene.run(Binaries.logs, ["spool", "verify", path])
      #expect(intact.exit == .code(0), "\(intact.errors)")
      #expect(intact.text == "\(path) is intact: 3 batches with 15 entries\n")
      var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(path)/spool.db"))
      let place = try #require(bytes.range(of: Data("web".utf8), options: .backwards))
      bytes[place.lowerBound] ^= 1
      try bytes.write(to: URL(fileURLWithPath: "\(path)/spool.db"))
      let damaged = try scene.run(Binaries.logs, ["spool", "verify", path])
      #expect(damaged.exit == .code(1))
      #expect(!damaged.lines.isEmpty && damaged.lines.allSatisfy { $0.hasPrefix("\(path): ") }, "\(damaged.text)")
    }
  }

  @Test func `a missing spool is reported in one line, and an unsupported action is refused`() throws {
    try Scene.play { scene in
      let none = try scene.run(Binaries.logs, ["spool", "inspect", scene.path("none")])
      #expect(none.exit == .code(1))
      #expect(none.errorLines.count == 1 && none.errors.contains("there is no spool in"), "\(none.errors)")
      for words in [["spool"], ["spool", "inspect"], ["spool", "mend", "dir"]] {
        let wrong = try scene.run(Binaries.logs, words)
        #expect(wrong.exit == .code(2))
        #expect(wrong.errors.contains("see logs help spool") || words.count == 3, "\(wrong.errors)")
      }
    }
  }

  @Test func `entries pushed without a server wait in the spool, and are stored once when it is drained`() throws {
    try Scene.play { scene in
      let spool = scene.path("spool")
      let lines = (1...5_000).map { "line \($0)" }
      let content = Array((lines.joined(separator: "\n") + "\n").utf8)
      let file = try scene.file("lines", content)
      let nobody = ["--server", "logs+unix://\(scene.path("nobody"))", "--retry-for", "0"]
      let away = try scene.run(Binaries.logs, ["push", "web", file, "--spool", spool] + nobody)
      #expect(away.exit == .code(3))
      #expect(away.errors.contains("5000 entries are kept in \(spool)"), "\(away.errors)")
      let undrained = try scene.run(Binaries.logs, ["spool", "drain", spool] + nobody)
      #expect(undrained.exit == .code(3), "\(undrained.errors)")

      let server = try TestServer(scene)
      let drained = try scene.run(Binaries.logs, ["spool", "drain", spool, "--server", server.url])
      #expect(drained.exit == .code(0))
      #expect(drained.errors.contains("5000 entries acknowledged"), "\(drained.errors)")
      // An empty one is a spool like any other.
      let again = try scene.run(Binaries.logs, ["spool", "drain", spool, "--server", server.url])
      #expect(again.exit == .code(0) && again.errors.contains("0 entries acknowledged"), "\(again.errors)")
      let more = try scene.run(Binaries.logs, ["push", "web", file, "--spool", spool, "--server", server.url])
      #expect(more.exit == .code(0), "\(more.errors)")
      let stored = try scene.run(
        Binaries.logs, ["follow", "web", "-n", "all", "--until-head", "-o", "raw", "--server", server.url])
      expectSame(stored.output, content + content)
    }
  }

  @Test func `a drain does not create a missing spool`() throws {
    try Scene.play { scene in
      let none = try scene.run(Binaries.logs, ["spool", "drain", scene.path("none")])
      #expect(none.exit == .code(1) && none.errors.contains("there is no spool in"), "\(none.errors)")
      #expect(!FileManager.default.fileExists(atPath: scene.path("none")))
    }
  }

  @Test func `an interrupted push says how much it has left in its spool`() throws {
    try Scene.play { scene in
      let spool = scene.path("spool")
      let push = try scene.start(
        Binaries.logs, ["push", "web", "--spool", spool, "--server", "logs+unix://\(scene.path("nobody"))"],
        input: .pipe)
      try push.write(Array("1\n2\n3\n".utf8))
      while try !scene.run(Binaries.logs, ["spool", "inspect", spool]).errors.contains("with 3 entries") {}
      push.signal(SIGINT)
      #expect(try push.wait() == .code(130))
      let told = "interrupted; 0 entries of web are acknowledged; 3 entries are kept in \(spool), and"
      #expect(push.errors.text.contains(told), "\(push.errors.text)")
    }
  }

  @Test func `a push fails if its spool holds entries that the server refuses permanently`() throws {
    try Scene.play { scene in
      let spool = scene.path("spool")
      let file = try scene.file("lines", Array("1\n2\n".utf8))
      let nobody = ["--server", "logs+unix://\(scene.path("nobody"))", "--retry-for", "0"]
      _ = try scene.run(Binaries.logs, ["push", "sealed", file, "--spool", spool] + nobody)
      let server = try TestServer(scene)
      let sealing = try scene.run(Binaries.logs, ["complete", "sealed", "--create", "--server", server.url])
      #expect(sealing.exit == .code(0), "\(sealing.errors)")
      let push = try scene.run(Binaries.logs, ["push", "web", file, "--spool", spool, "--server", server.url])
      #expect(push.exit == .code(1))
      #expect(push.errors.contains("2 entries of sealed are refused"), "\(push.errors)")
      #expect(push.errorLines.count == 2, "\(push.errors)")
      #expect(push.errors.contains("2 entries acknowledged, 2 are lost"), "\(push.errors)")
    }
  }
}
