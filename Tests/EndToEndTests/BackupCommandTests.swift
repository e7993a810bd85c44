import Foundation
import Glibc
import Testing

/// `logsd backup`, `restore`, `check` and `repair`, as people use them.
@Suite(.ownThread) struct BackupCommandTests {
  private static func logsd(_ scene: Scene, _ words: String...) throws -> Finished {
    try scene.run(Binaries.logsd, words)
  }

  private static func lines(_ numbers: Range<Int>) -> [UInt8] { Array(numbers.map { "line \($0)\n" }.joined().utf8) }

  /// How many entries there are, if they are the first ones, each as it was sent.
  private static func count(_ scene: Scene, _ data: String) throws -> Int {
    let query = """
      select count(*), coalesce(max(seq), 0), count(*) filter (where message <> 'line ' || seq) from entries
      where stream = 'web'
      """
    let finished = try logsd(scene, "sql", data, query, "-o", "csv")
    let values = finished.lines.last?.split(separator: ",").compactMap { Int($0) } ?? []
    guard finished.exit == .code(0), values.count == 3, values[0] == values[1], values[2] == 0 else {
      throw Failure("not the first entries: \(finished.text) \(finished.errors)")
    }
    return values[0]
  }

  @Test func `kills of backups and of the server leave the backup before or the new one`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene, ["--segment-bytes", "1M", "--segment-age", "300ms"])
      let backup = scene.path("backup")
      let push = try server.start(["push", "web"], input: .pipe)
      var (next, backedUpCount, restoredCount) = (1, 0, 0)
      for round in 0..<Environment.rounds(10) {
        let count = Int.random(in: 1...3_000, using: &random)
        try push.write(Self.lines(next..<next + count))
        next += count
        let process = try scene.start(Binaries.logsd, ["backup", server.data, backup])
        usleep(UInt32.random(in: 0...40_000, using: &random))
        // Without a server it locks the directory.
        if round % 3 == 2 { try server.kill() } else { process.signal(SIGKILL) }
        let isDone = try process.wait() == .code(0)
        if round % 3 == 2 { try server.restart() }
        let place = scene.path("restored")
        let restored = try Self.logsd(scene, "restore", backup, place)
        guard restored.exit == .code(0) else {
          #expect(backedUpCount == 0 && !isDone, "round \(round): \(restored.errors) \(process.errors.text)")
          continue
        }
        let checked = try Self.logsd(scene, "check", place)
        #expect(checked.exit == .code(0) && checked.output.isEmpty, "\(checked.text) \(checked.errors)")
        let found = try Self.count(scene, place)
        #expect(found >= backedUpCount && found < next, "round \(round)")
        backedUpCount = found
        restoredCount += 1
        try FileManager.default.removeItem(atPath: place)
      }
      push.closeInput()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      let last = try Self.logsd(scene, "backup", server.data, backup)
      #expect(last.exit == .code(0) && last.errors.isEmpty, "\(last.errors)")
      let whole = try Self.logsd(scene, "check", backup)
      #expect(whole.exit == .code(0), "\(whole.text) \(whole.errors)")
      try expectSuccess(Self.logsd(scene, "restore", backup, scene.path("last")))
      #expect(try Self.count(scene, scene.path("last")) == next - 1)
      // Beside the server a check finds nothing either.
      let checked = try Self.logsd(scene, "check", server.data)
      #expect(checked.exit == .code(0), "\(checked.text) \(checked.errors)")
      // A server runs on the backup as it is.
      let other = try TestServer(scene, data: backup, name: "other")
      #expect(try other.stored("web") == Self.lines(1..<next))
      #expect(try other.stop() == .code(0))
      let refused = try Self.logsd(scene, "backup", server.data, backup)
      #expect(refused.exit == .code(1) && refused.errors.contains("has been used as a data directory"))
      print("\(restoredCount) rounds had a backup")
    }
  }

  @Test func `a follower goes on after a move, and gets an error after a restore`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", Self.lines(1..<101))
      try expectSuccess(server.run(["push", "web", file]))
      let cursor = scene.path("cursor")
      let follow = ["follow", "web", "-n", "all", "--until-head", "--cursor-file", cursor, "-o", "raw"]
      #expect(try server.run(follow).lines.count == 100)
      try expectSuccess(Self.logsd(scene, "backup", server.data, scene.path("backup")))
      #expect(try server.stop() == .code(0))
      for (place, flags) in [("moved", ["--same-store"]), ("restored", [])] as [(String, [String])] {
        let words = ["restore", scene.path("backup"), scene.path(place)] + flags
        let restored = try scene.run(Binaries.logsd, words)
        #expect(restored.exit == .code(0) && restored.text.contains("1 segment"), "\(restored.errors)")
        let other = try TestServer(scene, data: scene.path(place), name: place)
        let followed = try other.run(follow)
        if flags.isEmpty {
          #expect(followed.exit != .code(0) && followed.errors.contains("replaced"), "\(followed.errors)")
        } else {
          #expect(followed.exit == .code(0) && followed.lines.isEmpty, "\(followed.errors)")
        }
        #expect(try other.stored("web") == Self.lines(1..<101))
        #expect(try other.stop() == .code(0))
      }
    }
  }

  @Test func `damage is found, repaired, and found no more`() throws {
    try Scene.play { scene in
      // Where the damage is made depends on how the batches lie.
      let server = try TestServer(scene, ["--upkeep-cpu", "0"])
      // Batches that compress well are packed with all others of their row, which is then lost as one.
      let text = (1..<5_001).map { "line \($0) \(UInt64($0) &* 0x9e37_79b9_7f4a_7c15)\n" }.joined()
      try expectSuccess(server.run(["push", "web", try scene.file("f", text.utf8)]))
      try expectSuccess(Self.logsd(scene, "seal", "--data", server.data))
      try expectSuccess(server.run(["push", "web", try scene.file("g", Self.lines(5_001..<5_011))]))
      let refused = try Self.logsd(scene, "repair", server.data)
      #expect(refused.exit == .code(1) && refused.errors.contains("stop it first"))
      #expect(try server.stop() == .code(0))
      let segment = server.data + "/segments/0000000001.db"
      var content = try Data(contentsOf: URL(fileURLWithPath: segment))
      // In a compressed batch, however small the first one is on a busy machine.
      let frame = try #require(content.range(of: Data([0x28, 0xb5, 0x2f, 0xfd])))
      content[frame.upperBound + 16] ^= 4
      try content.write(to: URL(fileURLWithPath: segment))

      let checked = try Self.logsd(scene, "check", server.data, "-o", "json")
      #expect(checked.exit == .code(1) && checked.errors.contains("repair"), "\(checked.errors)")
      #expect(checked.lines.allSatisfy { $0.hasPrefix(#"{"kind":"damage","file":"segments/0000000001.db""#) })
      let dry = try Self.logsd(scene, "repair", server.data, "--dry-run")
      #expect(dry.exit == .code(1) && dry.errors.contains("nothing was changed"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: segment)) == content)
      let repaired = try Self.logsd(scene, "repair", server.data)
      #expect(repaired.exit == .code(0) && repaired.output == dry.output, "\(repaired.errors)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: server.data + "/damaged/0000000001.db")) == content)
      try expectSuccess(Self.logsd(scene, "check", server.data))
      let again = try Self.logsd(scene, "repair", server.data)
      #expect(again.exit == .code(0) && again.errors.contains("nothing is damaged"))
      try server.restart()
      let read = try server.run(["follow", "web", "-n", "all", "--until-head", "-o", "raw"])
      #expect(read.lines.count >= 5_010 - 1_100 && read.lines.last == "line 5010", "\(read.lines.count)")
    }
  }

  @Test func `a repair that is killed can be repeated`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene, ["--segment-bytes", "1M"])
      try expectSuccess(server.run(["push", "web", try scene.file("f", Self.lines(1..<60_001))]))
      try server.kill()
      // A copy of it cannot be made.
      try FileManager.default.removeItem(atPath: server.data + "/control.sock")
      for round in 0..<Environment.rounds(6) {
        let place = scene.path("copy")
        try FileManager.default.copyItem(atPath: server.data, toPath: place)
        // The newest among them, every other time.
        let names = try FileManager.default.contentsOfDirectory(atPath: place + "/segments").sorted()
        let databases = names.filter { $0.hasSuffix(".db") }
        let segment = place + "/segments/" + (round % 2 == 0 ? databases[0] : databases[databases.count - 1])
        var content = try Data(contentsOf: URL(fileURLWithPath: segment))
        for index in 8192 * 3..<min(8192 * 4, content.count) { content[index] = 0x55 }
        try content.write(to: URL(fileURLWithPath: segment))
        let process = try scene.start(Binaries.logsd, ["repair", place])
        usleep(UInt32.random(in: 0...60_000, using: &random))
        process.signal(SIGKILL)
        _ = try process.wait()
        let repaired = try Self.logsd(scene, "repair", place)
        #expect(repaired.exit == .code(0), "round \(round): \(repaired.errors)")
        let checked = try Self.logsd(scene, "check", place)
        #expect(checked.exit == .code(0), "round \(round): \(checked.text)")
        let count = "select count(*) c, count(*) filter (where message <> 'line ' || seq) w from entries"
        let found = try Self.logsd(scene, "sql", place, count, "-o", "csv")
        let values = found.lines.last?.split(separator: ",").compactMap { Int($0) } ?? []
        #expect(values.count == 2 && values[0] > 10_000 && values[1] == 0, "round \(round): \(found.text)")
        try FileManager.default.removeItem(atPath: place)
      }
    }
  }

  @Test func `a damaged manifest is damage`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let backup = scene.path("backup")
      #expect(try Self.logsd(scene, "backup", server.data, backup).exit == .code(0))
      let inside = try Self.logsd(scene, "backup", server.data, server.data + "/inside")
      #expect(inside.exit == .code(1) && inside.errors.contains("is in the data directory"), "\(inside.errors)")
      #expect(access(server.data + "/inside", F_OK) != 0)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: backup + "/manifest"))
      try file.seek(toOffset: 40)
      try file.write(contentsOf: Data("?".utf8))
      try file.close()
      let checked = try Self.logsd(scene, "check", backup)
      #expect(checked.exit == .code(1) && checked.lines == ["damage manifest: it is damaged"], "\(checked.text)")
      #expect(checked.errors.contains("make the backup anew, into another directory"), "\(checked.errors)")
    }
  }

  @Test func `wrong usage and what cannot be`() throws {
    try Scene.play { scene in
      for (words, exit, text) in [
        (["backup", "a"], 2, "write logsd backup DIR BACKUP, not a"),
        (["restore"], 2, "write logsd restore BACKUP DIR"),
        (["check", "a", "b"], 2, "write logsd check DIR, not a b"), (["check", "a", "-o", "xml"], 2, "text, json"),
        (["repair", "--force", "a"], 2, "--force"), (["check", scene.path("none")], 2, "No such file"),
        (["backup", scene.path("none"), scene.path("b")], 1, "No such file"),
        (["restore", scene.directory, scene.path("b")], 1, "is no backup"),
        (["restore", scene.path("none"), scene.path("b")], 1, "there is no \(scene.path("none")); name a backup"),
        (["check", Binaries.logsd], 2, "Not a directory; name a server's data directory"),
        (["sql", Binaries.logsd, "select 1"], 1, "Not a directory; name a server's data directory"),
        (["repair", scene.directory], 1, "there is no store in"),
      ] as [([String], Int32, String)] {
        let finished = try scene.run(Binaries.logsd, words)
        #expect(finished.exit == .code(exit) && finished.errors.contains(text), "\(words): \(finished.errors)")
        #expect(finished.output.isEmpty)
      }
      for command in ["backup", "restore", "check", "repair"] {
        let help = try Self.logsd(scene, command, "--help")
        #expect(help.exit == .code(0) && help.lines.first?.hasPrefix("logsd \(command) - ") == true)
      }
    }
  }
}
