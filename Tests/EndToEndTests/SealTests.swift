import Foundation
import Glibc
import Testing

/// `logs seal`, beside a server and without one.
@Suite(.ownThread) struct SealTests {
  private func seal(_ scene: Scene, _ words: String...) throws -> Finished {
    try scene.run(Binaries.logs, ["seal"] + words)
  }

  private func push(_ count: Int, to server: TestServer) throws {
    let file = try server.scene.file("f", LogLines.file(LogLines.plain(count)))
    try expectSuccess(server.run(["push", "web", file]))
  }

  private func names(_ server: TestServer) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: "\(server.data)/segments"))
  }

  /// Whether a segment is sealed, with an index of its text, as another program finds it.
  private func isSealed(_ number: Int, _ server: TestServer) throws -> Bool {
    let name = "000000000\(number).db"
    if try names(server).contains("\(name)-wal") { return false }
    // The server may be about to let go of it.
    let options = ["-readonly", "-cmd", ".timeout 2000"]
    let asked = try server.scene.run(
      "/usr/bin/sqlite3",
      options + ["\(server.data)/segments/\(name)", "PRAGMA journal_mode; SELECT count(*) > 0 FROM block_groups"])
    if asked.text != "delete\n1\n" { print("segment \(number): \(asked.text) \(asked.errors)") }
    return asked.text == "delete\n1\n"
  }

  private func expect(_ finished: Finished, _ exit: Int32, _ text: String) {
    #expect(finished.exit == .code(exit), "\(finished.errors)")
    #expect(finished.output.isEmpty)
    #expect(finished.errors.contains(text), "\(finished.errors)")
  }

  @Test func `a running server seals what it has, and goes on`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(5_000, to: server)
      let stored = try server.stored("web")
      expect(try seal(scene, server.data), 0, "everything stored in \(server.data) is sealed")
      #expect(try isSealed(1, server))
      #expect(try server.stored("web") == stored)
      expect(try seal(scene, server.data), 0, "was sealed already")
      try push(1_000, to: server)
      expect(try scene.run(Binaries.logsd, ["--data", server.data, "--seal"]), 0, "is sealed")
      #expect(try isSealed(2, server))
      #expect(try names(server).contains("0000000003.db"))
      #expect(try server.stop() == .code(0))
    }
  }

  @Test(arguments: [SIGTERM, SIGKILL]) func `without its server a store is sealed by logsd`(signal: Int32) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(5_000, to: server)
      let stored = try server.stored("web")
      try server.stop(signal)
      expect(try seal(scene, server.data), 0, "everything stored in \(server.data) is sealed")
      #expect(try isSealed(1, server))
      expect(try seal(scene, server.data), 0, "was sealed already")
      #expect(!(try names(server)).contains("0000000003.db"))
      try server.restart()
      #expect(try server.stored("web") == stored)
    }
  }

  @Test func `an empty store has nothing to seal`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      expect(try seal(scene, server.data), 0, "was sealed already")
      // A signal that nobody needs does no harm.
      server.process.signal(SIGUSR1)
      try server.process.errors.waitForText("SIGUSR1")
      try server.stop()
      expect(try seal(scene, server.data), 0, "was sealed already")
      #expect(!(try names(server)).contains("0000000002.db"))
    }
  }

  @Test func `directories that are no store, or a damaged one, are refused with a line that says why`() throws {
    try Scene.play { scene in
      expect(try seal(scene), 2, "needs one data directory")
      expect(try seal(scene, "a", "b"), 2, "needs one data directory")
      expect(try seal(scene, "a", "--seal-timeout", "soon"), 2, "time span")
      expect(try seal(scene, scene.path("missing")), 1, "there is no store in")
      #expect(!FileManager.default.fileExists(atPath: scene.path("missing")))
      expect(try seal(scene, scene.directory), 1, "there is no store in")
      let file = try scene.file("file", Array("x".utf8))
      expect(try seal(scene, file), 1, "\(file)/store")

      let server = try TestServer(scene)
      try push(10, to: server)
      try server.stop()
      let segment = URL(fileURLWithPath: "\(server.data)/segments/0000000001.db")
      var bytes = try Data(contentsOf: segment)
      let intact = bytes
      for place in 0..<64 { bytes[place] = 0x55 }
      try bytes.write(to: segment)
      expect(try seal(scene, server.data), 1, "0000000001.db")
      try intact.write(to: segment)
      let store = URL(fileURLWithPath: "\(server.data)/store")
      let content = try Data(contentsOf: store)
      try Data("logs-store 9\n".utf8).write(to: store)
      expect(try seal(scene, server.data), 1, "use a newer one")
      try content.write(to: store)
      if geteuid() == 0 {
        chown(store.path, 54_321, 54_321)
        expect(try seal(scene, server.data), 1, "belong to user 54321")
      }
    }
  }

  @Test func `a lock that a process out of sight holds is reported, and nobody gets a signal`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(10, to: server)
      try server.stop()
      let lock = open("\(server.data)/lock", O_RDWR | O_CLOEXEC)
      defer { close(lock) }
      #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
      // A process that is there and has another file open: SIGUSR1 would end it.
      let stranger = try scene.start("/bin/cat", [], input: .pipe)
      for owner in ["\(stranger.pid)\n", "999999999\n", "0\n", "-1\n", ""] {
        #expect(ftruncate(lock, 0) == 0)
        #expect(pwrite(lock, owner, owner.utf8.count, 0) == owner.utf8.count)
        expect(try seal(scene, server.data), 1, "is in use, but")
      }
      #expect(!stranger.hasEnded)
    }
  }

  @Test func `while another program reads a segment it is not sealed, which is said after the time given`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(1_000, to: server)
      let segment = "\(server.data)/segments/0000000001.db"
      let reader = try scene.start("/usr/bin/sqlite3", ["-readonly", segment], input: .pipe)
      try reader.write(Array("BEGIN; SELECT count(*) FROM segment;\n".utf8))
      try reader.output.waitForLines(1)
      expect(try seal(scene, server.data, "--seal-timeout", "1s"), 1, "segment 1 is not sealed after 1s")
      try server.process.errors.waitForText("cannot be sealed while another program has")
      try reader.write(Array(".quit\n".utf8))
      try reader.wait()
      expect(try seal(scene, server.data), 0, "is sealed")
      #expect(try isSealed(1, server))
    }
  }

  @Test func `a server that is killed while it seals loses nothing, and the next one seals it`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for _ in 1...5 { try push(20_000, to: server) }
      let stored = try server.stored("web")
      for last in 1...Environment.rounds(3) {
        let sealing = try scene.start(Binaries.logs, ["seal", server.data])
        try server.process.errors.waitForText("segment \(last + 1) is active")
        try server.kill()
        // It may have been sealed a moment before.
        let exit = try sealing.wait()
        #expect(exit == .code(0) || exit == .code(1) && sealing.errors.text.contains("the server ended"))
        try server.restart()
        expect(try seal(scene, server.data), 0, "sealed")
        for number in 1...last { #expect(try isSealed(number, server)) }
        #expect(try server.stored("web").starts(with: stored))
        try push(5_000, to: server)
      }
      #expect(try server.stored("web").count > stored.count)
    }
  }
}
