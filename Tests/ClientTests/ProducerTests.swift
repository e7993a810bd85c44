import LogsWire
import Testing

@testable import LogsClient

/// A producer against an in-process server.
@Suite(.endsHangs) struct ProducerTests {
  private let db = StreamName(checked: "db")

  @Test func `logged entries are stored in order, with level, source and attributes`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client)
    for number in 1...20_000 {
      producer.log(.warning, "\(number)", attributes: ["n": number], source: "test")
      // More than the queue holds at once would be dropped.
      if number % 1_000 == 0 { #expect(await producer.flush(timeout: .seconds(300))) }
    }
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.map(\.number).elementsEqual(1...20_000))
    #expect(stored.allSatisfy { $0.severity == .warning && $0.source.text == "test" && $0.time > 0 })
    #expect(stored.last?.attributes == [LogAttribute("n", 20_000)])
    #expect(producer.counts.acknowledged == 20_000)
    #expect(producer.counts.waiting == 0)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `entries that share a batch have separate receipts`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client)
    var pending: [PendingAppend] = []
    for number in 1...300 { pending.append(try await producer.submit(entries(3 * number - 2...3 * number))) }
    try await server.onLoop { $0.speak() }
    for (index, pending) in pending.enumerated() {
      let last = UInt64(3 * (index + 1))
      #expect(try await pending.receipt.ranges == [last - 2...last])
    }
    let batchCount = try await server.onLoop { $0.streams[web]?.batches.count ?? 0 }
    // The first was sent alone; the others had time to share a batch.
    #expect(batchCount < 30)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `an error is sent at once, with the entries that linger before it`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let kept = Shared(BacklogTotals())
    let producer = try testProducer(client, kept: kept) { $0.linger = .seconds(3600) }
    producer.log(.info, "1")
    await kept.until { $0.batchCount == 1 }
    producer.log(.warning, "2")
    producer.log(.error, "3")
    await kept.until { $0.batchCount == 2 }
    try await server.onLoop { $0.speak() }
    await server.until { $0.streams[web]?.messages == ["1", "2", "3"] }
    #expect(try await server.onLoop { $0.streams[web]?.batches.count } == 2)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `enqueued entries are sent in turn, and nobody waits for their receipts`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let directory = try TestDirectory()
    let producer = try testProducer(client, spool: directory) { $0.batchEntryCountMax = 1 }
    try await producer.enqueue(entries(1...200))
    let pending = try await producer.submit(entries(201...210))
    try await producer.enqueue(entries(211...300))
    #expect(await producer.waitingShareCount == 10)
    try await server.onLoop { $0.speak() }
    #expect(try await pending.receipt.sequences == 201...210)
    #expect(await producer.shutdown())
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...300).map(String.init))
    await #expect { try await producer.enqueue([]) } throws: { ($0 as? LogError)?.code == .invalidRequest }
    await #expect { try await producer.enqueue(entries(1...1)) } throws: { ($0 as? LogError)?.code == .closed }
    await client.shutdown()
  }

  @Test func `entries that are not kept whole are counted, and the receipt says so`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client)
    let long = ByteString(Array(repeating: UInt8(ascii: "x"), count: Limits.messageByteCountMax + 1))
    let source = ByteString(Array(repeating: UInt8(ascii: "s"), count: Limits.sourceByteCountMax + 1))
    let pending = try await producer.submit([LogEntry(message: "1"), LogEntry(message: long), LogEntry(message: long)])
    #expect(try await producer.append(entries(2...3)).truncatedCount == 0)
    #expect(try await pending.receipt.truncatedCount == 2)
    #expect(producer.counts.truncated == 2)
    producer.log(LogEntry(message: "2", source: source))
    producer.log(LogEntry(message: "3", severity: .info, attributes: [LogAttribute("a", 1), LogAttribute("a", 2)]))
    producer.log(LogEntry(message: long, attributes: [LogAttribute("a", 1), LogAttribute("a", 2)]))
    producer.log(.info, "4")
    #expect(producer.counts.truncated == 5)
    #expect(producer.counts.accepted == 9)
    #expect(await producer.shutdown())
    await client.shutdown()
  }

  @Test func `others can log during a submission of many entries, and its receipt names its own`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client) { $0.queueByteCountMax = 256 << 20 }
    let (hasBegun, isOver) = (Shared(false), Shared(false))
    let logging = Task.detached {
      var count = 0
      while !isOver.value {
        count += 1
        producer.log(.info, "0 \(count)")
        if count == 1 { hasBegun.change { $0 = true } }
        if count % 100 == 0 { await Task.yield() }
      }
      return count
    }
    await hasBegun.until { $0 }
    let pending = try await producer.submit(entries(1...20_000))
    isOver.change { $0 = true }
    let count = await logging.value
    let receipt = try await pending.receipt
    #expect(await producer.flush(timeout: .seconds(300)))
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.count == 20_000 + count && receipt.entryCount == 20_000)
    let own = receipt.ranges.flatMap { range in range.map { stored[Int($0) - 1].number } }
    #expect(own.elementsEqual(1...20_000))
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `an entry lingers only while something is in flight`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client) { $0.linger = .seconds(3600) }
    for number in 1...50 {
      let sequence = UInt64(number)
      #expect(try await producer.append(entries(number...number)).sequences == sequence...sequence)
    }
    #expect(try await server.onLoop { $0.streams[web]?.batches.count } == 50)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a batch is full at its count or its bytes, whatever the linger time`() async throws {
    for (entryCount, byteCount, expected) in [(10, 1 << 20, 10), (1_000, 2_000, 20)] {
      let server = try await FakeServer.start { $0.faults.isMute = true }
      defer { server.stop() }
      let client = try LogClient(.test(server.url))
      let producer = try testProducer(client) {
        $0.linger = .seconds(3600)
        $0.batchEntryCountMax = entryCount
        $0.batchByteCountMax = byteCount
      }
      for number in 1...100 {
        producer.log(LogEntry(message: ByteString("\(number) \(String(repeating: "x", count: 95))"), time: 1))
      }
      try await server.onLoop { $0.speak() }
      #expect(await producer.flush(timeout: .seconds(300)))
      let counts = try await server.onLoop { $0.streams[web]?.batches.map { Int($0.header.count) } ?? [] }
      #expect(counts.max() ?? 0 <= expected)
      #expect(counts.reduce(0, +) == 100)
      #expect(counts.count >= 100 / expected)
      await producer.shutdown()
      await client.shutdown()
    }
  }

  @Test func `lost answers and cut connections double nothing and lose nothing`() async throws {
    for cut in 1...8 {
      let server = try await FakeServer.start {
        $0.faults.cuts = Array(repeating: cut, count: 6)
        $0.faults.lostAckCount = 2
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url))
      let producer = try testProducer(client) { $0.batchEntryCountMax = 3 }
      for number in 1...200 { producer.log(LogEntry(message: ByteString("\(number)"))) }
      #expect(await producer.shutdown(deadline: .seconds(300)))
      #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...200).map(String.init))
      #expect(producer.counts.acknowledged == 200)
      await client.shutdown()
    }
  }

  @Test func `permanently refused entries are given up, counted and reported to waiting callers`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let events = Shared<[LogError]>([])
    let producer = try testProducer(client) {
      $0.onEvent = { event in if case .refused(_, _, let error) = event { events.change { $0.append(error) } } }
    }
    producer.log(.info, "1")
    #expect(try await producer.complete(text: "done").sequences == 2...2)
    await #expect { try await producer.append(entries(3...4)) } throws: { error in
      (error as? LogError)?.code == .refused(.streamSealed)
    }
    producer.log(.info, "5")
    #expect(try await producer.append(entries(1...1), to: db).sequences == 1...1)
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(producer.counts.refused == 3)
    #expect(producer.counts.acknowledged == 2)
    #expect(producer.counts.waiting == 0)
    #expect(events.value.count == 2)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `with waitsForPermission a forbidden stream waits in the spool, others go on, and nothing is lost`()
    async throws
  {
    let server = try await FakeServer.start()
    defer { server.stop() }
    try await server.onLoop {
      $0.faults.onAppend = { $0.stream == web ? Refusal(.forbidden, "a test") : nil }
    }
    let client = try LogClient(.test(server.url))
    let events = Shared<[String]>([])
    let spool = try TestDirectory()
    let producer = try testProducer(client, spool: spool) {
      $0.waitsForPermission = true
      $0.batchEntryCountMax = 1
      // One batch of the stream that waits would be too much if it counted.
      $0.handedByteCountMax = 1
      $0.onEvent = { event in
        switch event {
        case .heldBack(let stream, let error): events.change { $0.append("held \(stream) \(error.code)") }
        case .released(let stream): events.change { $0.append("released \(stream)") }
        default: events.change { $0.append("\(event)") }
        }
      }
    }
    try await producer.enqueue(entries(1...50))
    await events.until { $0.count == 1 }
    #expect(events.value == ["held \(web) \(LogError.Code.refused(.forbidden))"])
    #expect(try await producer.append(entries(1...3), to: db).sequences == 1...3)
    // Nothing but the stream that waits is left: there is nothing to wait for.
    #expect(await !producer.flush(timeout: .seconds(3_600)))
    #expect(producer.counts.waiting == 50 && producer.counts.refused == 0)
    try await server.onLoop { $0.faults.onAppend = { _ in nil } }
    await server.until { $0.streams[web]?.head == 50 }
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...50).map(String.init))
    #expect(events.value.last == "released \(web)" && events.value.count == 2)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `with a wrong token waiting callers get the error, and the entries are kept and sent once it is right`()
    async throws
  {
    let server = try await FakeServer.start { $0.faults.handshakeRefusal = Refusal(.unauthorized, "a test") }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client)
    producer.log(.info, "1")
    await #expect { try await producer.append(entries(2...2)) } throws: { error in
      guard let error = error as? LogError else { return false }
      return error.code == .refused(.unauthorized) && error.mayHaveTakenEffect
    }
    #expect(producer.counts.waiting == 2)
    try await server.onLoop { $0.faults.handshakeRefusal = nil }
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(try await server.onLoop { $0.streams[web]?.messages } == ["1", "2"])
    #expect(producer.counts.acknowledged == 2)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `attributes that no entry can hold are left out of log entries, and refused in submissions`()
    async throws
  {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client)
    let twice = [LogAttribute("a", 1), LogAttribute("a", 2)]
    producer.log(LogEntry(message: "1", severity: .info, attributes: twice))
    await #expect {
      try await producer.append([LogEntry(message: "2"), LogEntry(message: "3", attributes: twice)])
    } throws: {
      ($0 as? LogError)?.code == .invalidEntry
    }
    #expect(try await producer.append(entries(2...2)).sequences == 2...2)
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.map(\.text) == ["1", "2"])
    #expect(stored.first?.attributes.map(\.key) == ["a", "logs.truncated_attributes"])
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `an entry that completes another stream does not affect its neighbours`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client)
    for number in 1...3 {
      producer.log(LogEntry(message: ByteString("\(number)"), kind: number == 2 ? .complete : .log))
    }
    await #expect {
      try await producer.append([LogEntry(message: "4", kind: .complete)])
    } throws: {
      ($0 as? LogError)?.code == .invalidEntry
    }
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(try await server.onLoop { $0.streams[web]?.entries.map(\.kind) } == [.log, .status, .log])
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `entries that the spool has lost but the server has are counted once`() {
    var counts = ProducerCounts(accepted: 10)
    counts.answer(3, \.acknowledged)
    // Everything that the spool held, including the three that were to be removed.
    counts.lose(10)
    #expect(counts.dropped == 7 && counts.waiting == 0)
    // Two of them were in flight.
    counts.answer(2, \.acknowledged)
    #expect(counts.acknowledged == 5 && counts.dropped == 5 && counts.waiting == 0)
  }

  @Test func `messages of any size are accepted`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client)
    for size in [0, 1, 200_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20] {
      let receipt = try await producer.append([LogEntry(message: ByteString([UInt8](repeating: 120, count: size)))])
      #expect(receipt.entryCount == 1)
    }
    let sizes = try await server.onLoop { $0.streams[web]?.entries.map(\.message.count) ?? [] }
    #expect(sizes == [0, 1, 200_000, (1 << 20) - 1, 1 << 20, 1 << 20, 1 << 20])
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a producer's settings are checked`() throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let wrong: [(inout LogProducerConfiguration) -> Void] = [
      { $0.batchEntryCountMax = 0 }, { $0.batchEntryCountMax = 65_537 }, { $0.batchByteCountMax = 0 },
      { $0.batchByteCountMax = (2 << 20) + 1 }, { $0.linger = .milliseconds(-1) },
      { $0.queueByteCountMax = (64 << 10) - 1 }, { $0.spool = SpoolConfiguration(directory: "") },
      { $0.spool = SpoolConfiguration(directory: "/tmp/x", byteCountMax: (1 << 20) - 1) },
      { $0.spool = SpoolConfiguration(directory: "/tmp/x", ageMax: .zero) },
    ]
    for change in wrong {
      #expect { try testProducer(client, change) } throws: { ($0 as? LogError)?.code == .invalidConfiguration }
    }
  }
}
