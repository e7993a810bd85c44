import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct ResumeTests {
  private let db = StreamName(checked: "db")

  @Test(arguments: [false, true], [false, true])
  func `cut at every frame, a follower misses nothing and gets nothing twice`(
    insideFrame: Bool, isDivided: Bool
  ) async throws {
    let db = db
    // Handshake, two streams, RESOLVED, 20 batches, LIVE.
    for cut in 0...25 {
      let server = try await FakeServer.start { server in
        try! server.fill(web, batches: 10, entryCount: 7)
        try! server.fill(db, batches: 10, entryCount: 3)
        server.faults.cuts = [cut, 4, cut]
        server.faults.cutsInsideFrame = insideFrame
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url, isDivided: isDivided))
      let followed = try await Followed.all(client.follow([.pattern(.all)])) {
        $0.sequences[web]?.last == 70 && $0.sequences[db]?.last == 30
      }
      #expect(followed.sequences[web] == Array(1...70), "cut after \(cut)")
      #expect(followed.sequences[db] == Array(1...30), "cut after \(cut)")
      #expect(followed.announced.count == 2)
      #expect(followed.resolvedCount == 1)
      #expect(followed.interruptionCount >= followed.resumptionCount)
      await client.shutdown()
    }
  }

  @Test(arguments: [false, true]) func `a damaged frame costs only a connection`(isDivided: Bool)
    async throws
  {
    for corruption in 1...14 {
      let server = try await FakeServer.start { server in
        try! server.fill(web, batches: 10, entryCount: 5)
        server.faults.corruptions = [corruption]
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url, isDivided: isDivided))
      let followed = try await Followed.all(client.follow([.stream(web)])) { $0.sequences[web]?.last == 50 }
      #expect(followed.sequences[web] == Array(1...50), "frame \(corruption)")
      await client.shutdown()
    }
  }

  @Test func `streams created while the link was down are read from their first entry`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let db = db
    var followed = Followed()
    for try await event in client.follow([.pattern(.all)], from: .now) {
      try followed.take(event)
      if case .live = event, followed.interruptionCount == 0 {
        try await server.onLoop { server in
          server.goDown()
          try server.fill(db, batches: 2, entryCount: 4)
          try server.fill(web, batches: 1, entryCount: 2)
          server.comeUp()
        }
      }
      if followed.sequences[db]?.last == 8, followed.sequences[web]?.last == 7 { break }
    }
    #expect(followed.sequences[db] == Array(1...8))
    #expect(followed.sequences[web] == [6, 7])
    let follows = try await server.onLoop { $0.record.follows }
    #expect(follows.last?.start == .first)
    #expect(follows.last?.cursor.map(\.sequence) == [5])
    await client.shutdown()
  }

  @Test func `cut off before all streams were announced, the start is requested again for the unknown ones`()
    async throws
  {
    let db = db
    let server = try await FakeServer.start { server in
      try! server.fill(db, batches: 1, entryCount: 9)
      try! server.fill(web, batches: 1, entryCount: 9)
      // The handshake and one of two streams.
      server.faults.cuts = [2]
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var followed = Followed()
    for try await event in client.follow([.pattern(.all)], from: .now) {
      try followed.take(event)
      if case .announced(let stream) = event, stream.stream == db {
        try await server.onLoop { try $0.fill(db, batches: 1, entryCount: 1) }
      }
      if followed.sequences[db] != nil, followed.liveCount > 0 { break }
    }
    #expect(followed.sequences == [db: [10]])
    let follows = try await server.onLoop { $0.record.follows }
    #expect(follows.map(\.start) == [.now, .now])
    #expect(follows.last?.cursor.map(\.stream) == [db])
    await client.shutdown()
  }

  @Test func `streams created one after the other are followed, in ever fewer requests`() async throws {
    let server = try await FakeServer.start { server in
      for index in 0..<5 { try! server.fill(StreamName(checked: "old/\(index)"), batches: 1, entryCount: 2) }
    }
    defer { server.stop() }
    var configuration = LogClientConfiguration.test(server.url, isDivided: true)
    configuration.followLimits.selectorCountMax = 4
    configuration.followLimits.bornPartCountMax = 3
    let client = try LogClient(configuration)
    var followed = Followed()
    var bornCount = 0
    for try await event in client.follow([.pattern(.all)], from: .now) {
      try followed.take(event)
      var isTime = false
      if case .live = event { isTime = true }
      if case .batch(let batch) = event { isTime = batch.stream == StreamName(checked: "new/\(bornCount)") }
      guard isTime else { continue }
      if bornCount == 20 { break }
      bornCount += 1
      let name = StreamName(checked: "new/\(bornCount)")
      try await server.onLoop { server in
        try server.fill(name, batches: 1, entryCount: 3)
        try server.fill(StreamName(checked: "old/1"), batches: 1, entryCount: 1)
        if name.text.hasSuffix("7") { for connection in server.connections { connection.cut() } }
      }
    }
    for index in 1...20 { #expect(followed.sequences[StreamName(checked: "new/\(index)")] == [1, 2, 3]) }
    let old = followed.sequences[StreamName(checked: "old/1")] ?? []
    #expect(old.count >= 19 && old == Array(3..<3 + UInt64(old.count)))
    #expect(followed.announced.count == 25)
    #expect(followed.liveCount == 1 + followed.resumptionCount)
    let most = try await server.onLoop { $0.record.openFollowCountMax }
    // The watch, 25 streams in fours, and three more.
    #expect(most <= 1 + 7 + 3)
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `an end at the head is the head announced first`(isDivided: Bool) async throws {
    let db = db
    for cut in 4...16 {
      let server = try await FakeServer.start { server in
        try! server.fill(web, batches: 8, entryCount: 5)
        try! server.fill(db, batches: 4, entryCount: 5)
        server.faults.cuts = [cut]
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url, isDivided: isDivided))
      var followed = Followed()
      for try await event in client.follow([.pattern(.all)], until: FollowEnd(atHead: true)) {
        try followed.take(event)
        if case .resolved = event {
          // None of this is part of it.
          try await server.onLoop { server in
            try server.fill(web, batches: 2, entryCount: 5)
            try server.fill(StreamName(checked: "new"), batches: 2, entryCount: 5)
          }
        }
      }
      #expect(followed.end == .until)
      #expect(followed.sequences == [web: Array(1...40), db: Array(1...20)], "cut after \(cut)")
      await client.shutdown()
    }
  }

  @Test(arguments: [false, true]) func `a limit counts over all connections`(isDivided: Bool) async throws {
    for cut in 1...12 {
      let server = try await FakeServer.start { server in
        try! server.fill(web, batches: 20, entryCount: 5)
        server.faults.cuts = [cut, cut]
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url, isDivided: isDivided))
      let followed = try await Followed.all(client.follow([.stream(web)], until: FollowEnd(limit: 33)))
      #expect(followed.sequences[web] == Array(1...33), "cut after \(cut)")
      #expect(followed.end == .limit)
      await client.shutdown()
    }
  }

  @Test(arguments: [false, true]) func `in reverse it continues below where it was, without new entries`(
    isDivided: Bool
  ) async throws {
    let db = db
    for start in [FollowStart.first, .last(23), .from(12)] {
      for cut in 2...14 {
        let server = try await FakeServer.start { server in
          try! server.fill(web, batches: 6, entryCount: 5)
          try! server.fill(db, batches: 8, entryCount: 5)
          server.faults.cuts = [cut, cut]
        }
        defer { server.stop() }
        let client = try LogClient(.test(server.url, isDivided: isDivided))
        var numbers: [StreamName: [UInt64]] = [:]
        var end: EndReason?
        for try await event in client.follow([.pattern(.all)], from: start, isReverse: true) {
          if case .batch(let batch) = event {
            numbers[batch.stream, default: []] += try batch.entries().map(\.sequence)
          }
          if case .ended(let reason) = event { end = reason }
          if case .interrupted = event { try await server.onLoop { try $0.fill(web, batches: 1, entryCount: 3) } }
        }
        let first: (UInt64) -> UInt64 = { head in
          switch start {
          case .last(let count): head - count + 1
          case .from(let sequence): sequence
          case .first, .now, .since: 1
          }
        }
        #expect(end == .start)
        // What was created before RESOLVED may be part of it.
        let webHead = numbers[web]?.first ?? 0
        #expect(numbers[web] == Array((first(webHead)...webHead).reversed()), "\(start), cut after \(cut)")
        #expect(numbers[db] == Array((first(40)...40).reversed()), "\(start), cut after \(cut)")
        await client.shutdown()
      }
    }
  }

  @Test(arguments: [false, true]) func `a replaced stream ends the subscription`(
    isDivided: Bool
  ) async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    var followed = Followed()
    let error = await #expect(throws: LogError.self) {
      for try await event in client.follow([.stream(web)]) {
        try followed.take(event)
        if case .live = event {
          try await server.onLoop { server in
            server.goDown()
            server.replace(web)
            try server.fill(web, batches: 3, entryCount: 5)
            server.comeUp()
          }
        }
      }
    }
    #expect(error?.code == .refused(.streamReplaced))
    #expect(error?.isRetryable == false)
    #expect(followed.sequences[web] == Array(1...5))
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `a server that has lost data is not taken for one that waits`(isDivided: Bool)
    async throws
  {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 2, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    let error = await #expect(throws: LogError.self) {
      for try await event in client.follow([.stream(web)]) {
        if case .live = event {
          try await server.onLoop { server in
            server.goDown()
            server.streams[web]?.head = 3
            server.comeUp()
          }
        }
      }
    }
    #expect(error?.code == .refused(.cursorAhead))
    await client.shutdown()
  }

  @Test func `many cuts at random places and many appends give one exact stream`() async throws {
    let seed = testSeed()
    let server = try await FakeServer.start { server in
      var generator = SeededGenerator(seed: seed)
      server.faults.cuts = (0..<60).map { _ in Int.random(in: 0...25, using: &generator) }
      server.faults.corruptions = (0..<60).map { _ in Int.random(in: 0...60, using: &generator) }
      server.faults.lostAckCount = 5
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    async let followed = Followed.all(client.follow([.stream(web)])) { $0.sequences[web]?.last == 400 }
    var pending: [PendingAppend] = []
    for number in 1...400 { pending.append(try await client.submit(entries(number...number), to: web)) }
    for pending in pending { _ = try await pending.receipt }
    let sequences = try await followed.sequences[web]
    #expect(sequences == Array(1...400))
    await client.shutdown()
  }
}
