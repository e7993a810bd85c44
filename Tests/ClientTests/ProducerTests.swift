import LogsWire
import Testing

@testable import LogsClient

/// A producer against a server in this process.
@Suite(.timeLimit(.minutes(2))) struct ProducerTests {
  private let db = StreamName(checked: "db")

  /// A producer without a bound that a test would meet, unless it changes it.
  private func producer(
    _ client: LogClient, _ configure: (inout LogProducerConfiguration) -> Void = { _ in }
  ) throws -> LogProducer {
    var configuration = LogProducerConfiguration()
    configure(&configuration)
    return try LogProducer(client, stream: web, configuration: configuration)
  }

  /// What the notices in a stream say is missing.
  private func told(_ entries: [Entry]) -> UInt64 {
    entries.reduce(0) { sum, entry in
      for attribute in entry.attributes where attribute.key == "logs.dropped" {
        if case .integer(let count) = attribute.value { return sum + UInt64(count) }
      }
      return sum
    }
  }

  private func isNotice(_ entry: Entry) -> Bool { entry.attributes.contains { $0.key == "logs.dropped" } }

  @Test func `what is logged is stored in order, with level, source and attributes`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client)
    for number in 1...20_000 {
      producer.log(.warning, "\(number)", attributes: [Attribute("n", .integer(Int64(number)))], source: "test")
      // More than the queue holds at once would be dropped.
      if number % 1_000 == 0 { #expect(await producer.flush(timeout: .seconds(60))) }
    }
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.map(\.number).elementsEqual(1...20_000))
    #expect(stored.allSatisfy { $0.severity == .warning && $0.source.text == "test" && $0.time > 0 })
    #expect(stored.last?.attributes == [Attribute("n", 20_000)])
    #expect(producer.counts.acknowledged == 20_000)
    #expect(producer.counts.waiting == 0)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `entries that share a batch have receipts of their own`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client)
    var pending: [PendingAppend] = []
    for number in 1...300 { pending.append(try await producer.submit(entries(3 * number - 2...3 * number))) }
    try await server.onLoop { $0.speak() }
    for (index, pending) in pending.enumerated() {
      let last = UInt64(3 * (index + 1))
      #expect(try await pending.receipt.ranges == [last - 2...last])
    }
    let batchCount = try await server.onLoop { $0.streams[web]?.batches.count ?? 0 }
    // The first went out alone; the others had time to come together.
    #expect(batchCount < 30)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a submission of many entries lets others log meanwhile, and its receipt names its own`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client) { $0.queueByteCountMax = 256 << 20 }
    let isOver = Shared(false)
    let logging = Task.detached {
      var count = 0
      while !isOver.value {
        count += 1
        producer.log(.info, "0 \(count)")
        if count % 100 == 0 { await Task.yield() }
      }
      return count
    }
    while producer.counts.accepted == 0 { await Task.yield() }
    let pending = try await producer.submit(entries(1...20_000))
    isOver.change { $0 = true }
    let count = await logging.value
    let receipt = try await pending.receipt
    #expect(await producer.flush(timeout: .seconds(60)))
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.count == 20_000 + count && receipt.entryCount == 20_000)
    let own = receipt.ranges.flatMap { range in range.map { stored[Int($0) - 1].number } }
    #expect(own.elementsEqual(1...20_000))
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `an entry lingers only while something is on its way`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client) { $0.linger = .seconds(3600) }
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
      let producer = try producer(client) {
        $0.linger = .seconds(3600)
        $0.batchEntryCountMax = entryCount
        $0.batchByteCountMax = byteCount
      }
      for number in 1...100 {
        producer.log(Entry(message: Bytes("\(number) \(String(repeating: "x", count: 95))"), time: 1))
      }
      try await server.onLoop { $0.speak() }
      #expect(await producer.flush(timeout: .seconds(60)))
      let counts = try await server.onLoop { $0.streams[web]?.batches.map { Int($0.header.count) } ?? [] }
      #expect(counts.max() ?? 0 <= expected)
      #expect(counts.reduce(0, +) == 100)
      #expect(counts.count >= 100 / expected)
      await producer.shutdown()
      await client.shutdown()
    }
  }

  @Test(arguments: [LogProducerConfiguration.WhenFull.wait, .dropNewest, .dropOldest])
  func `a full queue drops what is logged by its policy, counts it, and tells the stream`(
    whenFull: LogProducerConfiguration.WhenFull
  ) async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let events = Shared<UInt64>(0)
    let producer = try producer(client) {
      $0.whenFull = whenFull
      $0.queueByteCountMax = 256 << 10
      $0.batchEntryCountMax = 10
      $0.onEvent = { event in if case .dropped(_, let count, _) = event { events.change { $0 += count } } }
    }
    var generator = SeededGenerator(seed: testSeed())
    for number in 1...20_000 {
      let noise = (0..<12).map { _ in String(generator.next(), radix: 36) }.joined()
      producer.log(Entry(message: Bytes("\(number) \(noise)")))
    }
    let full = producer.counts
    #expect(full.accepted == 20_000)
    #expect(full.waitingByteCount < 256 << 10)
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(60)))
    producer.log(Entry(message: "20001"))
    #expect(await producer.flush(timeout: .seconds(60)))
    let counts = producer.counts
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    let numbers = stored.filter { !isNotice($0) }.map(\.number)
    #expect(counts.dropped > 0)
    #expect(counts.accepted == counts.acknowledged + counts.dropped)
    #expect(numbers.count == Int(counts.acknowledged))
    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
    #expect(told(stored) == counts.dropped)
    #expect(numbers.last == 20_001)
    // The newest of the flood is kept only where the oldest make room for it.
    #expect(numbers.contains(20_000) == (whenFull == .dropOldest))
    if whenFull != .dropOldest { #expect(numbers.first == 1) }
    if whenFull == .dropOldest { #expect(events.value <= counts.dropped) }
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a notice stands where entries are missing`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client) { $0.queueByteCountMax = 64 << 10 }
    for number in 1...5_000 { producer.log(Entry(message: Bytes("\(number) \(String(repeating: "y", count: 40))"))) }
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(60)))
    for number in 5_001...5_010 { producer.log(Entry(message: Bytes("\(number)"))) }
    #expect(await producer.flush(timeout: .seconds(60)))
    var next: UInt64 = 1
    for entry in try await server.onLoop({ $0.streams[web]?.entries ?? [] }) {
      if isNotice(entry) {
        next += told([entry])
      } else {
        #expect(entry.number == next)
        next += 1
      }
    }
    #expect(next == 5_011)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `submissions wait for room, in order, and a cancelled one takes nothing`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client) {
      $0.whenFull = .wait
      $0.queueByteCountMax = 64 << 10
      $0.batchEntryCountMax = 4
    }
    var generator = SeededGenerator(seed: testSeed())
    let noise = (0..<200).map { _ in String(generator.next(), radix: 36) }
    let handed = Shared(0)
    let feeding = Task {
      var pending: [PendingAppend] = []
      for number in 1...400 {
        let text = "\(number) " + noise.shuffled(using: &generator).joined()
        pending.append(try await producer.submit([Entry(message: Bytes(text))]))
        handed.change { $0 = number }
      }
      return pending
    }
    // The queue holds some 64 KiB of entries of 2.5 kB that hardly compress: the rest waits.
    await server.until { $0.unheardCount > 0 }
    let cancelled = Task { try await producer.submit(entries(9_999...9_999)) }
    cancelled.cancel()
    switch await cancelled.result {
    case .success: #expect(handed.value < 400)
    case .failure(let error): #expect((error as? LogError)?.code == .cancelled)
    }
    #expect(handed.value < 400)
    try await server.onLoop { $0.speak() }
    for pending in try await feeding.value { _ = try await pending.receipt }
    let numbers = try await server.onLoop { $0.streams[web]?.entries.map(\.number) ?? [] }.filter { $0 != 9_999 }
    #expect(numbers.elementsEqual(1...400))
    #expect(producer.counts.dropped == 0)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a full queue that drops the newest refuses a submission and takes nothing of it`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let producer = try producer(client) { $0.queueByteCountMax = 64 << 10 }
    var refused = 0
    for number in 1...200 {
      do { _ = try await producer.submit([Entry(message: Bytes([UInt8](repeating: 7, count: 60_000)))]) } catch {
        #expect(error.code == .queueFull)
        #expect(!error.mayHaveTakenEffect)
        refused += 1
      }
      if refused == 10 { break }
      #expect(number < 200)
    }
    #expect(producer.counts.dropped == 0)
    await producer.shutdown(deadline: .zero)
    await client.shutdown(deadline: .zero)
  }

  @Test func `lost answers and cut connections double nothing and lose nothing`() async throws {
    for cut in 1...8 {
      let server = try await FakeServer.start {
        $0.faults.cuts = Array(repeating: cut, count: 6)
        $0.faults.lostAckCount = 2
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url))
      let producer = try producer(client) { $0.batchEntryCountMax = 3 }
      for number in 1...200 { producer.log(Entry(message: Bytes("\(number)"))) }
      #expect(await producer.shutdown(deadline: .seconds(60)))
      #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...200).map(String.init))
      #expect(producer.counts.acknowledged == 200)
      await client.shutdown()
    }
  }

  @Test func `what the server refuses for good is given up, counted and told to who waits for it`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let events = Shared<[LogError]>([])
    let producer = try producer(client) {
      $0.onEvent = { event in if case .refused(_, _, let error) = event { events.change { $0.append(error) } } }
    }
    producer.log(.info, "1")
    #expect(try await producer.complete(text: "done").sequences == 2...2)
    await #expect { try await producer.append(entries(3...4)) } throws: { error in
      (error as? LogError)?.code == .refused(.streamSealed)
    }
    producer.log(.info, "5")
    #expect(try await producer.append(entries(1...1), to: db).sequences == 1...1)
    #expect(await producer.flush(timeout: .seconds(60)))
    #expect(producer.counts.refused == 3)
    #expect(producer.counts.acknowledged == 2)
    #expect(producer.counts.waiting == 0)
    #expect(events.value.count == 2)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `where the token is wrong who waits is told, and the entries are kept and sent when it is right`()
    async throws
  {
    let server = try await FakeServer.start { $0.faults.greeting = Refusal(.unauthorized, "a test") }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client)
    producer.log(.info, "1")
    await #expect { try await producer.append(entries(2...2)) } throws: { error in
      guard let error = error as? LogError else { return false }
      return error.code == .refused(.unauthorized) && error.mayHaveTakenEffect
    }
    #expect(producer.counts.waiting == 2)
    try await server.onLoop { $0.faults.greeting = nil }
    #expect(await producer.flush(timeout: .seconds(60)))
    #expect(try await server.onLoop { $0.streams[web]?.messages } == ["1", "2"])
    #expect(producer.counts.acknowledged == 2)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a shutdown drains, and nothing is taken after it`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client) { $0.linger = .seconds(3600) }
    for number in 1...2_500 { producer.log(Entry(message: Bytes("\(number)"))) }
    #expect(await producer.shutdown())
    #expect(try await server.onLoop { $0.streams[web]?.head } == 2_500)
    producer.log(.info, "late")
    #expect(producer.counts.dropped == 1)
    await #expect { try await producer.append(entries(1...1)) } throws: { ($0 as? LogError)?.code == .closed }
    await #expect { try await producer.complete() } throws: { ($0 as? LogError)?.code == .closed }
    #expect(await producer.shutdown())
    await client.shutdown()
  }

  @Test func `a shutdown without a server ends at its deadline, and what is lost is counted`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let producer = try producer(client)
    for number in 1...100 { producer.log(Entry(message: Bytes("\(number)"))) }
    let waiting = try await producer.submit(entries(101...110))
    #expect(await !producer.flush(timeout: .milliseconds(20)))
    #expect(await !producer.shutdown(deadline: .milliseconds(20)))
    #expect(await !producer.flush(timeout: .zero))
    #expect(await !producer.shutdown(deadline: .zero))
    #expect(producer.counts.dropped == 110)
    #expect(producer.counts.waiting == 0)
    await #expect { try await waiting.receipt } throws: { ($0 as? LogError)?.code == .closed }
    await client.shutdown(deadline: .zero)
  }

  @Test func `attributes that no entry can hold are left out of what is logged, and refused in what is submitted`()
    async throws
  {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client)
    let twice = [Attribute("a", 1), Attribute("a", 2)]
    producer.log(.info, "1", attributes: twice)
    await #expect {
      try await producer.append([Entry(message: "2"), Entry(message: "3", attributes: twice)])
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

  @Test func `an entry that completes another stream takes none of its neighbours with it`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client)
    for number in 1...3 { producer.log(Entry(message: Bytes("\(number)"), kind: number == 2 ? .complete : .log)) }
    await #expect {
      try await producer.append([Entry(message: "4", kind: .complete)])
    } throws: {
      ($0 as? LogError)?.code == .invalidEntry
    }
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(60)))
    #expect(try await server.onLoop { $0.streams[web]?.entries.map(\.kind) } == [.log, .status, .log])
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `what a spool has lost and the server has is counted once`() {
    var counts = ProducerCounts(accepted: 10)
    counts.answer(3, \.acknowledged)
    // All that the spool held: the three that were to be removed as well.
    counts.lose(10)
    #expect(counts.dropped == 7 && counts.waiting == 0)
    // Two of them were on their way.
    counts.answer(2, \.acknowledged)
    #expect(counts.acknowledged == 5 && counts.dropped == 5 && counts.waiting == 0)
  }

  @Test func `messages of any size are taken`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client)
    for size in [0, 1, 200_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20] {
      let receipt = try await producer.append([Entry(message: Bytes([UInt8](repeating: 120, count: size)))])
      #expect(receipt.entryCount == 1)
    }
    let sizes = try await server.onLoop { $0.streams[web]?.entries.map(\.message.count) ?? [] }
    #expect(sizes == [0, 1, 200_000, (1 << 20) - 1, 1 << 20, 1 << 20, 1 << 20])
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a run ends with the shutdown, and at once when it is cancelled`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let graceful = try producer(client)
    let run = Task { try await graceful.run() }
    graceful.log(.info, "1")
    let stop = Task { await graceful.shutdown(deadline: .seconds(60)) }
    try await server.onLoop { $0.speak() }
    #expect(await stop.value)
    try await run.value

    let cancelled = try producer(client)
    let cancelledRun = Task { try await cancelled.run() }
    cancelledRun.cancel()
    await #expect { try await cancelledRun.value } throws: { ($0 as? LogError)?.code == .cancelled }
    await #expect { try await cancelled.append(entries(1...1)) } throws: { ($0 as? LogError)?.code == .closed }
    await client.shutdown()
  }

  @Test func `a producer that nobody holds any more ends, and fails who waits`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    var held: LogProducer? = try producer(client)
    let pending = try await held?.submit(entries(1...3))
    held = nil
    await #expect { try await pending?.receipt } throws: { ($0 as? LogError)?.code == .closed }
    await client.shutdown(deadline: .zero)
  }

  @Test func `what an ended producer has given up is not sent by its client`() async throws {
    let server = try await FakeServer.start { $0.goDown() }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    for number in 1...3 {
      let producer = try producer(client)
      producer.log(.info, "\(number)")
      #expect(await !producer.shutdown(deadline: .milliseconds(10)))
      #expect(producer.counts.dropped == 1)
    }
    try await server.onLoop { $0.comeUp() }
    let last = try producer(client)
    #expect(try await last.append(entries(4...4)).sequences == 1...1)
    await last.shutdown()
    await client.shutdown()
    #expect(try await server.onLoop { $0.streams[web]?.messages } == ["4"])
  }

  @Test func `once its client is shut down, nobody waits for what cannot come`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let producer = try producer(client) {
      $0.whenFull = .wait
      $0.queueByteCountMax = 64 << 10
    }
    let isFull = Shared(false)
    let filling = Task {
      var generator = SeededGenerator(seed: 1)
      while true {
        let noise = (0..<200).map { _ in String(generator.next(), radix: 36) }.joined()
        _ = try await producer.submit([Entry(message: Bytes(noise))])
        if producer.counts.waitingByteCount >= 48 << 10 { isFull.change { $0 = true } }
      }
    }
    while !isFull.value { await Task.yield() }
    async let isDone = producer.flush(timeout: .seconds(3600))
    await client.shutdown(deadline: .zero)
    #expect(await !isDone)
    await #expect { try await filling.value } throws: { ($0 as? LogError)?.code == .closed }
    #expect(await !producer.shutdown(deadline: .seconds(3600)))
  }

  @Test func `a client that is shut down first leaves nobody waiting`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client)
    let first = try await producer.submit(entries(1...3))
    await client.shutdown(deadline: .zero)
    await #expect { try await first.receipt } throws: { ($0 as? LogError)?.code == .closed }
    await #expect { try await producer.append(entries(4...4)) } throws: { ($0 as? LogError)?.code == .closed }
    #expect(await !producer.shutdown(deadline: .milliseconds(10)))
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
      #expect { try producer(client, change) } throws: { ($0 as? LogError)?.code == .invalidConfiguration }
    }
  }
}
