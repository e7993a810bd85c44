import Glibc
import LogsSystem
import LogsWire
import Testing

/// Stopping the server cleanly.
@Suite(.ownThread) struct StopTests {
  /// A stop that waits for the end of this time takes longer than a test waits for it.
  private static let endlessDrain = ["--drain-timeout", "10m"]

  @Test func `a stop with appends in flight loses nothing acknowledged, and clients continue after it`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(Environment.lines(8_000), &random)
    let file = LogLines.file(lines)
    try Scene.play { scene in
      let server = try TestServer(scene, ["--segment-bytes", "1M"] + Self.endlessDrain)
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      let push = try server.start(["push", "web", try scene.file("f", file)])
      for (round, moment) in random.moments(Environment.rounds(3), in: lines.count).enumerated() {
        try follow.output.waitForLines(moment)
        #expect(try server.stop(round % 2 == 0 ? SIGTERM : SIGINT) == .code(0), "\(server.process.errors.text)")
        try server.restart()
      }
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try follow.output.waitForLines(lines.count)
      expectSame(follow.output.bytes, file)
      try expectSame(server.stored("web"), file)
    }
  }

  @Test func `entries acknowledged before a stop are stored, others are stored at most once`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for round in 1...Environment.rounds(5) {
        let client = try RawClient(server.url)
        let welcome = try client.handshake()
        let producer = ProducerID.random()
        let stream = "s\(round)"
        let count = UInt64(min(32, welcome.producerBatchCountMax))
        for number in 1...count {
          try client.send(
            try RawClient.append(["entry \(number)"], to: stream, producer: producer, number: number),
            id: UInt32(number))
        }
        // After the first answers the rest is in flight.
        var acknowledged: UInt64 = 0
        server.process.signal(SIGTERM)
        var isTold = false
        while let received = try client.receiveOrEnd() {
          switch received.message {
          case .ack(let ack):
            #expect(ack.firstSequence == acknowledged + 1)
            acknowledged += ack.count
          case .goAway: isTold = true
          case .error(let refusal): #expect(refusal.code == .goingAway && refusal.isRetryable)
          case let other: throw Failure("\(other.type) while the server stops")
          }
        }
        client.close()
        #expect(isTold)
        #expect(try server.process.wait() == .code(0))
        try server.restart()
        if acknowledged > 0 {
          let stored = try server.run(["follow", stream, "-n", "all", "--until-head", "-o", "raw"])
          #expect(stored.lines.prefix(Int(acknowledged)) == (1...acknowledged).map { "entry \($0)" }[...])
        }
        // Sent again, all are stored once.
        let again = try RawClient(server.url)
        try again.handshake()
        for number in 1...count {
          try again.send(
            try RawClient.append(["entry \(number)"], to: stream, producer: producer, number: number),
            id: UInt32(number))
        }
        var known: UInt64 = 0
        while known < count {
          guard case .ack(let ack) = try again.receive().message else { throw Failure("no ACK") }
          known += ack.count
        }
        let all = try server.run(["follow", stream, "-n", "all", "--until-head", "-o", "raw"])
        #expect(all.lines == (1...count).map { "entry \($0)" })
      }
    }
  }

  @Test func `if the store fails, all appends that were read are answered, and no drain delays the end`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      // No file may grow beyond 1 MiB: to SQLite that is a failing disk, not a full one. The first file to get there is
      // the write-ahead log.
      let server = try scene.start(
        "/bin/sh",
        [
          "-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"", Binaries.logsd, "--data", scene.path("data"),
          "--listen", "none", "--listen-unix", scene.path("server.sock"), "--drain-timeout", "10m",
        ])
      try server.output.waitForLines(1)
      let client = try RawClient("logs+unix://\(scene.path("server.sock"))")
      let welcome = try client.handshake()
      let producer = ProducerID.random()
      var inFlight: Set<UInt32> = []
      var number: UInt64 = 0
      func append() throws {
        number += 1
        let text = (0..<8_000).map { _ in String(random.next(), radix: 16) }.joined()
        try client.send(
          try RawClient.append([text], to: "web", producer: producer, number: number), id: UInt32(number))
        inFlight.insert(UInt32(number))
      }
      for _ in 0..<min(32, welcome.producerBatchCountMax) { try append() }
      var lastAnswered: UInt32 = 0
      var refusals: [RefusalCode] = []
      while let received = try client.receiveOrEnd() {
        switch received.message {
        case .ack:
          inFlight.remove(received.id)
          if refusals.isEmpty, number < 10_000 { try append() }
        case .error(let refusal):
          #expect(inFlight.remove(received.id) != nil, "a second answer: \(refusal)")
          #expect(refusal.isRetryable)
          refusals.append(refusal.code)
        case .goAway: break
        case let other: throw Failure("\(other.type) while the store fails")
        }
        lastAnswered = max(lastAnswered, received.id)
      }
      client.close()
      // What came later was no longer read.
      #expect(inFlight.allSatisfy { $0 > lastAnswered }, "\(inFlight) behind \(lastAnswered)")
      #expect(refusals.contains(.storageFailed), "\(refusals)")
      #expect(try server.wait() == .code(1), "\(server.errors.text)")
      #expect(server.errors.text.contains("0000000001.db"), "\(server.errors.text)")
    }
  }

  @Test func `no peer delays the stop of an idle server, neither a stalled follower nor a silent one`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, Self.endlessDrain)
      #expect(try server.stop() == .code(0))

      try server.restart()
      let file = try scene.file("f", LogLines.file(LogLines.plain(3)))
      try expectSuccess(server.run(["push", "web", file]))
      let silent = try RawClient(server.url)
      let open = try RawClient(server.url)
      try open.handshake()
      try open.follow("web")
      _ = try open.followed(3)
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      try follow.output.waitForLines(3)
      #expect(try server.stop() == .code(0))
      silent.close()
      try server.restart()
      try expectSuccess(server.run(["push", "web", file]))
      try follow.output.waitForLines(6)
    }
  }

  @Test func `a second signal does not disturb the stop`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = LogLines.plain(20_000)
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      let push = try server.start(["push", "web", try scene.file("f", LogLines.file(lines))])
      try follow.output.waitForLines(1)
      server.process.signal(SIGTERM)
      server.process.signal(SIGTERM)
      #expect(try server.process.wait() == .code(0), "\(server.process.errors.text)")
      try server.restart()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try expectSame(server.stored("web"), LogLines.file(lines))
    }
  }

  @Test(arguments: [(SIGHUP, "the settings were read again"), (SIGUSR2, "does nothing")])
  func `other signals do not end the server`(number: Int32, line: String) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      server.process.signal(number)
      try server.process.errors.waitForText(line)
      try expectSuccess(server.run(["status"]))
      #expect(try server.stop() == .code(0))
    }
  }
}
