import LogsWire
import Testing

@testable import LogsClient

/// A producer that can accept no more.
@Suite(.endsHangs) struct ProducerBoundsTests {
  @Test(arguments: [LogProducerConfiguration.WhenFull.wait, .dropNewest, .dropOldest])
  func `a full queue drops logged entries by its policy, counts them, and leaves a notice in the stream`(
    whenFull: LogProducerConfiguration.WhenFull
  ) async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let events = Shared<UInt64>(0)
    let producer = try testProducer(client) {
      $0.whenFull = whenFull
      $0.queueByteCountMax = 256 << 10
      $0.batchEntryCountMax = 10
      $0.onEvent = { event in if case .dropped(_, let count, _) = event { events.change { $0 += count } } }
    }
    var generator = SeededGenerator(seed: testSeed())
    for number in 1...20_000 {
      let noise = (0..<12).map { _ in String(generator.next(), radix: 36) }.joined()
      producer.log(LogEntry(message: ByteString("\(number) \(noise)")))
    }
    let full = producer.counts
    #expect(full.accepted == 20_000)
    #expect(full.waitingByteCount < 256 << 10)
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(300)))
    producer.log(LogEntry(message: "20001"))
    #expect(await producer.flush(timeout: .seconds(300)))
    let counts = producer.counts
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    let numbers = stored.filter { !isNotice($0) }.map(\.number)
    #expect(counts.dropped > 0)
    #expect(counts.accepted == counts.acknowledged + counts.dropped)
    #expect(numbers.count == Int(counts.acknowledged))
    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
    #expect(told(stored) == counts.dropped)
    #expect(numbers.last == 20_001)
    // The newest entry of the flood is kept only if the oldest make room for it.
    #expect(numbers.contains(20_000) == (whenFull == .dropOldest))
    if whenFull != .dropOldest { #expect(numbers.first == 1) }
    if whenFull == .dropOldest { #expect(events.value <= counts.dropped) }
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a notice takes the place of missing entries`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client) { $0.queueByteCountMax = 64 << 10 }
    for number in 1...5_000 {
      producer.log(LogEntry(message: ByteString("\(number) \(String(repeating: "y", count: 40))")))
    }
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(300)))
    for number in 5_001...5_010 { producer.log(LogEntry(message: ByteString("\(number)"))) }
    #expect(await producer.flush(timeout: .seconds(300)))
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

  @Test func `submissions wait for room, in order, and a cancelled one adds nothing`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client) {
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
        pending.append(try await producer.submit([LogEntry(message: ByteString(text))]))
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

  @Test func `a full queue that drops the newest refuses a submission completely`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let producer = try testProducer(client) { $0.queueByteCountMax = 64 << 10 }
    var refused = 0
    for number in 1...200 {
      do { _ = try await producer.submit([LogEntry(message: ByteString([UInt8](repeating: 7, count: 60_000)))]) } catch
      {
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
}
