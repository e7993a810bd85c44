import Foundation
import Testing

@testable import LogsClient

/// What `logs spool` says of a producer's spool.
@Suite(.ownThread) struct SpoolCommandTests {
  private func makeSpool(_ path: String) throws -> Spool {
    let spool = try Spool(path) { Issue.record("\($0.text)") }
    var index = 0
    let entries = (1...5).map { Entry(message: Bytes("line \($0)")) }
    let batch = try BatchEncoder().next(entries, from: &index)
    let drafts = ["web", "db", "web"].map { name in
      BacklogDraft(
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

  @Test func `verify says by its exit code whether all is intact, and names what is not`() throws {
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

  @Test func `what is no spool, and what spool cannot do, is refused in a line`() throws {
    try Scene.play { scene in
      let none = try scene.run(Binaries.logs, ["spool", "inspect", scene.path("none")])
      #expect(none.exit == .code(1))
      #expect(none.errorLines.count == 1 && none.errors.contains("there is no spool in"), "\(none.errors)")
      for words in [["spool"], ["spool", "inspect"], ["spool", "mend", "dir"]] {
        let wrong = try scene.run(Binaries.logs, words)
        #expect(wrong.exit == .code(2))
        #expect(wrong.errors.contains("see logs help spool"), "\(wrong.errors)")
      }
    }
  }
}
