import Foundation
import Glibc
import Testing

/// `logsd --archive`, as people use it: what it holds, what it costs when its disk is full, and what a crash leaves.
@Suite(.ownThread) struct ArchiveCommandTests {
  private static func logsd(_ scene: Scene, _ words: String...) throws -> Finished {
    try scene.run(Binaries.logsd, words)
  }

  private static func lines(_ numbers: Range<Int>) -> [UInt8] { Array(numbers.map { "line \($0)\n" }.joined().utf8) }

  /// The lines of a stream in what a restore of the archive makes.
  private static func restored(_ scene: Scene, _ archive: String, _ name: String) throws -> [UInt8] {
    let place = scene.path(name)
    let finished = try logsd(scene, "restore", archive, place)
    guard finished.exit == .code(0) else { throw Failure("no restore: \(finished.errors)") }
    let checked = try logsd(scene, "check", place)
    #expect(checked.exit == .code(0) && checked.output.isEmpty, "\(checked.text) \(checked.errors)")
    let other = try TestServer(scene, data: place, name: name)
    let stored = try other.stored("web")
    #expect(try other.stop() == .code(0))
    try FileManager.default.removeItem(atPath: place)
    return stored
  }

  @Test func `kills while segments are archived and trimmed lose nothing of the archive`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let archive = scene.path("archive")
      let server = try TestServer(
        scene,
        [
          "--segment-bytes", "1M", "--segment-age", "250ms", "--rewrite-delay", "10ms", "--archive", archive,
          "--config", try scene.file("logsd.conf", Array("retention-age = 1h\n".utf8)),
        ])
      let push = try server.start(["push", "web"], input: .pipe)
      var (next, archivedCount) = (1, 0)
      for round in 0..<Environment.rounds(8) {
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let count = Int.random(in: 1...3_000, using: &random)
          try push.write(Self.lines(next..<next + count))
          next += count
          usleep(UInt32.random(in: 0...400_000, using: &random))
        }
        try server.kill()
        if FileManager.default.fileExists(atPath: archive + "/manifest") {
          let stored = try Self.restored(scene, archive, "restored-\(round)")
          let count = stored.count { $0 == UInt8(ascii: "\n") }
          #expect(stored == Self.lines(1..<count + 1) && count >= archivedCount, "round \(round)")
          archivedCount = count
        }
        try server.restart()
      }
      push.closeInput()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try expectSuccess(Self.logsd(scene, "seal", "--data", server.data))
      try server.wait(for: "unarchived_segments") { $0 == 0 }
      #expect(try server.fact("archive_failing") == 0)
      // Beside the server.
      let checked = try Self.logsd(scene, "check", archive)
      #expect(checked.exit == .code(0), "\(checked.text) \(checked.errors)")
      // What has been archived may go.
      _ = try scene.file("logsd.conf", Array("retention-age = 1s\n".utf8))
      server.process.signal(SIGHUP)
      let first = server.data + "/segments/0000000001.db"
      try Polling.wait(for: "retention") { !FileManager.default.fileExists(atPath: first) }
      #expect(try server.fact("archive_lost_segments_total") == 0)
      let query = "select count(*), min(seq), max(seq) from entries where stream = 'web'"
      let counted = try Self.logsd(scene, "sql", archive, query, "-o", "csv")
      #expect(counted.lines.last == "\(next - 1),1,\(next - 1)", "\(counted.text) \(counted.errors)")
      #expect(try server.stop() == .code(0))
      #expect(try Self.restored(scene, archive, "last") == Self.lines(1..<next))
      print("\(archivedCount) of \(next - 1) lines were in the archive after the last kill")
    }
  }

  @Test func `a full archive disk holds up nothing, and deletions reach what only the archive has`() throws {
    try Scene.play { scene in
      guard let disk = try scene.smallDisk(mebibytes: 12) else { return }

      let archive = "\(disk)/archive"
      let server = try TestServer(
        scene, ["--segment-age", "10m", "--upkeep-cpu", "0", "--archive", archive])
      func push(_ numbers: Range<Int>) throws {
        let file = try scene.file("f\(numbers.lowerBound)", Self.lines(numbers))
        try expectSuccess(server.run(["push", "web", file]))
        try expectSuccess(Self.logsd(scene, "seal", "--data", server.data))
      }
      try push(1..<1_001)
      try server.wait(for: "archived_through_segment") { $0 >= 1 }
      let through = try server.fact("archived_through_segment")
      let filler = "\(disk)/filler"
      let file = open(filler, O_CREAT | O_WRONLY, 0o600)
      let zeros = [UInt8](repeating: 0, count: 4_096)
      while write(file, zeros, zeros.count) > 0 {}
      close(file)
      try push(1_001..<20_001)
      try server.wait(for: "archive_failing") { $0 == 1 }
      try server.process.errors.waitForText("nothing is archived")
      #expect(server.process.errors.text.contains("free some space on its disk"), "\(server.process.errors.text)")
      #expect(try server.fact("archived_through_segment") == through)
      try expectSame(server.stored("web"), Self.lines(1..<20_001))
      #expect(try Self.restored(scene, archive, "before") == Self.lines(1..<1_001))
      unlink(filler)
      try server.wait(for: "unarchived_segments") { $0 == 0 }
      try server.wait(for: "archive_failing") { $0 == 0 }

      try expectSuccess(server.run(["delete", "web", "--to-seq", "500", "--yes"]))
      try server.process.errors.waitForText("is rewritten in the archive, without what was deleted")
      try Polling.wait(for: "the end of the deletion") {
        let notes = try String(contentsOfFile: server.data + "/archive", encoding: .utf8)
        return !notes.contains("deleted") && !notes.contains("intended")
      }
      #expect(try server.stop() == .code(0))
      #expect(try Self.restored(scene, archive, "after") == Self.lines(501..<20_001))
      let refused = try Self.logsd(scene, "backup", server.data, archive)
      #expect(refused.exit == .code(1) && refused.errors.contains("is the archive of a server"), "\(refused.errors)")
    }
  }
}
