import Foundation
import Glibc
import LogsClient
import Synchronization
import Testing

/// Deletion as people and programs see it.
@Suite(.ownThread) struct DeleteTests {
  private static let web = StreamName("web")

  private func push(_ lines: ClosedRange<Int>, to server: TestServer, _ stream: String = "web") throws {
    let file = try server.scene.file("lines", LogLines.file(LogLines.plain(lines.count, from: lines.lowerBound)))
    let pushed = try server.run(["push", stream, file])
    try #require(pushed.exit == .code(0), "\(pushed.errors)")
  }

  private func client(_ server: TestServer) throws -> LogClient {
    try LogClient(LogClientConfiguration(servers: [server.url], name: "test"))
  }

  private func object(_ finished: Finished) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(finished.output)) as? [String: Any], "\(finished.errors)")
  }

  // MARK: - Who may, and who is asked

  @Test func `over TCP nobody may delete, and the answer says how`() async throws {
    try await Scene.play { scene in
      let server = try TestServer(scene, transport: .tcp)
      try push(1...3, to: server)
      for flag in ["--yes", "--dry-run"] {
        let deleted = try server.run(["delete", "web", flag])
        #expect(deleted.exit == .code(4) && deleted.text.isEmpty)
        #expect(deleted.errors.contains("Unix socket") && deleted.errors.contains("root"), "\(deleted.errors)")
      }
      let client = try client(server)
      let error = await #expect(throws: LogError.self) { try await client.delete(Self.web) }
      #expect(error?.code == .refused(.forbidden) && error?.mayHaveTakenEffect == false)
      await client.shutdown()
      #expect(try server.stored("web") == LogLines.file(LogLines.plain(3)))
    }
  }

  @Test func `without a terminal a deletion has to be confirmed by a flag`() throws {
    try Scene.play { scene in
      let deleted = try scene.run(Binaries.logs, ["delete", "web", "--server", TestServer.unixURL(scene)])
      #expect(deleted.exit == .code(2) && deleted.text.isEmpty)
      #expect(deleted.errors.contains("--yes") && deleted.errors.contains("--dry-run"), "\(deleted.errors)")
    }
  }

  @Test(arguments: [("y\n", true), ("n\n", false), ("\n", false)])
  func `on a terminal it asks`(answer: String, isDeleted: Bool) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(1...3, to: server)
      // script(1) runs it on a terminal.
      let command = "\(Binaries.logs) delete web --server \(server.url)"
      let asked = try scene.start("/usr/bin/script", ["-qec", command, "/dev/null"], input: .pipe)
      try asked.output.waitForText("Delete? [y/N]")
      try asked.write(answer.utf8)
      #expect(try asked.wait() == .code(isDeleted ? 0 : 1))
      #expect(asked.output.text.contains("deletes 3 entries of 'web' (1 to 3, about "), "\(asked.output.text)")
      #expect(asked.output.text.contains("nothing was deleted") == !isDeleted, "\(asked.output.text)")
      #expect(try server.run(["streams", "-o", "json"]).output.isEmpty == isDeleted)
    }
  }

  // MARK: - What it does

  @Test func `a dry run changes nothing`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(1...100, to: server)
      let before = try server.run(["streams", "-o", "json"]).text
      let look = try server.run(["delete", "web", "--before-seq", "51", "--dry-run", "-o", "json"])
      #expect(
        look.exit == .code(0) && look.errors.contains("would delete 50 entries of 'web' (1 to 50"), "\(look.errors)")
      let found = try object(look)
      #expect(found["entries"] as? Int == 50 && found["first"] as? Int == 1 && found["last"] as? Int == 50)
      #expect(found["dry_run"] as? Bool == true && found["whole"] as? Bool == false)
      #expect(try server.run(["delete", "web", "--dry-run"]).errors.contains("its name is free afterwards"))
      #expect(try server.run(["streams", "-o", "json"]).text == before)
      #expect(try server.stored("web") == LogLines.file(LogLines.plain(100)))
    }
  }

  @Test
  func `the numbers of a deleted range are skipped for followers and pages, before and after a crash`() async throws {
    try await Scene.play { scene in
      let server = try TestServer(scene)
      try push(1...100, to: server)
      let deleted = try server.run(["delete", "web", "--from-seq", "21", "--to-seq", "60", "--yes", "-o", "json"])
      #expect(deleted.exit == .code(0), "\(deleted.errors)")
      #expect(try object(deleted)["entries"] as? Int == 40)
      try push(101...110, to: server)
      let kept = LogLines.plain(20) + LogLines.plain(50, from: 61)
      for isRestarted in [false, true] {
        if isRestarted {
          try server.kill()
          try server.restart()
        }
        let followed = try server.run(["follow", "web", "-n", "all", "--until-head", "-o", "raw"])
        #expect(followed.exit == .code(0))
        expectSame(followed.output, LogLines.file(kept))
        #expect(
          followed.errors.contains("stream web: 40 entries deleted, sequence numbers 21 to 60"), "\(followed.errors)")
        let client = try client(server)
        let page = try await client.read(Self.web, limit: 1_000)
        #expect(page.entries.map(\.entry.sequence) == Array(1...20) + Array(61...110))
        #expect(page.skipped.map(\.range) == [21...60] && page.skipped.map(\.reason) == [.deleted])
        let again = try await client.delete(Self.web, numbers: 21...60)
        #expect(again.entryCount == 0 && again.numbers == nil)
        let rest = try await client.delete(Self.web, numbers: 15...65, dryRun: true)
        #expect(rest.entryCount == 11 && rest.numbers == 15...65)
        await client.shutdown()
      }
      let none = try server.run(["delete", "web", "--from-seq", "30", "--to-seq", "40", "--yes"])
      #expect(none.exit == .code(0) && none.errors.contains("nothing to delete"), "\(none.errors)")
    }
  }

  @Test func `who follows a pattern goes on with a stream that was created anew while he was away`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(1...5, to: server)
      let words = ["follow", "w*", "-n", "all", "-o", "raw", "--cursor-file", scene.path("cursor")]
      for isRestarted in [false, true] {
        let first = try server.start(words)
        try first.output.waitForLines(5)
        // An end by a signal saves the cursor.
        first.signal(SIGINT)
        try first.wait()
        try expectSuccess(server.run(["delete", "web", "--yes"]))
        if isRestarted {
          try server.kill()
          try server.restart()
        }
        try push(11...15, to: server)
        let second = try server.start(words)
        try second.output.waitForLines(5)
        expectSame(second.output.bytes, LogLines.file(LogLines.plain(5, from: 11)))
        #expect(second.errors.text.contains("stream web was deleted"), "\(second.errors.text)")
        second.signal(SIGINT)
        try second.wait()
        // A stream that is named is for its user to decide about.
        try expectSuccess(server.run(["delete", "web", "--yes"]))
        try push(1...5, to: server)
        let named = try server.run(["follow", "web", "--cursor-file", scene.path("cursor")])
        #expect(named.exit != .code(0) && named.errors.contains("stream_replaced"), "\(named.errors)")
      }
    }
  }

  @Test(arguments: [false, true])
  func `answers that a spool did not come to note are not asked for twice when their stream was deleted`(
    isPassed: Bool
  ) async throws {
    try await Scene.play { scene in
      let (spool, copy) = (scene.path("spool"), scene.path("copy"))
      func producer(_ directory: String, _ events: EventLog) throws -> LogProducer {
        var configuration = LogProducerConfiguration()
        configuration.spool = SpoolConfiguration(directory: directory)
        configuration.onEvent = { event in events.add("\(event)") }
        var client = LogClientConfiguration(servers: [TestServer.unixURL(scene)], name: "test")
        client.backoff = Backoff(base: .milliseconds(10), cap: .milliseconds(50))
        return try LogProducer(try LogClient(client), stream: Self.web, configuration: configuration)
      }
      // Three batches wait in the spool, of which a crash leaves a copy without their answers.
      let events = EventLog()
      let first = try producer(spool, events)
      for number in 1...3 { _ = try await first.submit([LogEntry(message: "\(number)")]) }
      await first.shutdown(deadline: .zero)
      try FileManager.default.copyItem(atPath: spool, toPath: copy)

      let server = try TestServer(scene)
      let other = try client(server)
      let second = try producer(spool, events)
      #expect(await second.flush(timeout: .seconds(300)))
      #expect(try await other.read(Self.web).entries.map(\.entry.text) == ["1", "2", "3"])
      _ = try await other.delete(Self.web)
      if isPassed { _ = try await second.append([LogEntry(message: "4")]) }
      await second.shutdown()

      let third = try producer(copy, events)
      #expect(await third.flush(timeout: .seconds(300)))
      #expect(third.counts.restored == 3)
      #expect(third.counts.acknowledged == 3 && third.counts.refused == 0)
      await third.shutdown()
      let texts = try await other.read(Self.web).entries.map(\.entry.text)
      #expect(texts == (isPassed ? ["4"] : ["1", "2", "3"]))
      await other.shutdown()
      #expect(!events.all.contains { $0.contains("refused") }, "\(events.all)")
    }
  }

  @Test
  func `a deleted stream is gone, and its name begins again with number 1 in another history`() async throws {
    try await Scene.play { scene in
      let server = try TestServer(scene)
      try push(1...10, to: server)
      try push(1...10, to: server, "other")
      let client = try client(server)
      let look = try await client.delete(Self.web, dryRun: true)
      let gone = try await client.delete(Self.web, of: look.incarnation)
      #expect(gone == look && gone.entryCount == 10 && gone.numbers == 1...10)
      #expect(try await client.streams().map(\.stream.text) == ["other"])
      var error = await #expect(throws: LogError.self) { try await client.delete(Self.web, of: look.incarnation) }
      #expect(error?.code == .refused(.unknownStream))

      let receipt = try await client.append([LogEntry(message: "new")], to: Self.web)
      #expect(receipt.sequences == 1...1 && receipt.incarnation != look.incarnation)
      error = await #expect(throws: LogError.self) { try await client.delete(Self.web, of: look.incarnation) }
      #expect(error?.code == .refused(.streamReplaced))
      error = await #expect(throws: LogError.self) {
        try await client.read(Self.web, after: 5, of: look.incarnation)
      }
      #expect(error?.code == .refused(.streamReplaced))
      #expect(try await client.read(Self.web).entries.map(\.entry.text) == ["new"])
      await client.shutdown()
      try server.kill()
      try server.restart()
      #expect(try server.stored("web") == Array("new\n".utf8))
      #expect(try server.stored("other") == LogLines.file(LogLines.plain(10)))
    }
  }

  @Test func `a follow of a pattern goes on without a stream that is deleted, one of its name ends`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for stream in ["app/a", "app/b"] { try push(1...3, to: server, stream) }
      let cursor = scene.path("app.cursor")
      let words = ["follow", "app/*", "-n", "all", "-o", "raw", "--cursor-file", cursor]
      let pattern = try server.start(words)
      let named = try server.start(["follow", "app/a", "-n", "all", "-o", "raw"])
      try pattern.output.waitForLines(6)
      try named.output.waitForLines(3)
      try expectSuccess(server.run(["delete", "app/a", "--yes"]))
      #expect(try named.wait() == .code(1))
      #expect(named.errors.text.contains("was deleted"), "\(named.errors.text)")
      try pattern.errors.waitForText("stream app/a was deleted")
      // What comes under the name is another stream, and the others go on.
      try push(4...5, to: server, "app/a")
      try push(4...5, to: server, "app/b")
      try pattern.output.waitForLines(10)
      pattern.signal(SIGINT)
      _ = try pattern.wait()
      try push(6...6, to: server, "app/a")
      // The cursor has forgotten the old one.
      let resumed = try server.run(words + ["--until-head"])
      #expect(resumed.exit == .code(0) && resumed.text.hasPrefix("line 6"), "\(resumed.text) \(resumed.errors)")
    }
  }

  @Test func `the last entries are the last numbers, some of which may be deleted`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(1...20, to: server)
      try expectSuccess(server.run(["delete", "web", "--from-seq", "15", "--to-seq", "19", "--yes"]))
      for reverse in [[], ["--reverse"]] {
        let words = ["follow", "web", "-n", "8", "--until-head", "-o", "json"] + reverse
        let last = try server.run(words)
        let numbers = [13, 14, 20].map { "\"seq\":\($0)," }
        #expect(last.exit == .code(0) && numbers.allSatisfy { last.text.contains($0) }, "\(last.text) \(last.errors)")
        #expect(last.text.split(separator: "\n").count == 3, "\(last.text)")
        #expect(last.errors.contains("15 to 19"), "\(last.errors)")
      }
    }
  }

  @Test func `a stream that does not exist is named`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let deleted = try server.run(["delete", "web", "--yes"])
      #expect(deleted.exit == .code(1) && deleted.text.isEmpty)
      #expect(deleted.errors.contains("there is no stream 'web'"), "\(deleted.errors)")
    }
  }

  @Test func `the audit says what was deleted and by whom`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(1...10, to: server)
      try expectSuccess(server.run(["delete", "web", "--before-seq", "6", "--yes"]))
      let audit = try server.run(["follow", "$audit", "-n", "all", "--until-head", "-o", "json"])
      #expect(audit.lines.count == 1, "\(audit.text)")
      #expect(audit.text.contains("web") && audit.text.contains("user \(geteuid()), process "), "\(audit.text)")
      // It stays: no client can name it here, and the server would refuse it.
      #expect(try server.run(["delete", "$audit", "--yes"]).exit == .code(2))
      for words in [["query", "$adit"], ["follow", "$adit", "--until-head"], ["streams", "$audti"]] {
        let near = try server.run(words)
        #expect(near.errors.contains("did you mean '$audit'?"), "\(words): \(near.errors)")
      }
    }
  }
}

/// What a producer has reported.
private final class EventLog: Sendable {
  private let events = Mutex<[String]>([])

  var all: [String] { events.withLock { $0 } }

  func add(_ event: String) { events.withLock { $0.append(event) } }
}
