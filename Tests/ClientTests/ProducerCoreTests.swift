import LogsTransport
import LogsWire
import Testing

@testable import LogsClient

/// A producer's thread on a backlog that fails on request.
@Suite(.endsHangs) struct ProducerCoreTests {
  /// A backlog in memory whose disk fails on request.
  ///
  /// Invariant behind `@unchecked Sendable`: used only on the producer's thread, except for the faults.
  private final class MoodyBacklog: Backlog, @unchecked Sendable {
    private let backlog = MemoryBacklog(now: { 1 })
    private let faults: Shared<Faults>

    struct Faults {
      /// How many windows cannot be read.
      var windowCount = 0
      /// Whether nothing can be stored.
      var isFull = false
      var storeCount = 0
      /// How much it holds.
      var byteCount = 0
      /// How many batches can be added and removed at once; if set, it also holds no more than 4.
      var changeCountMax = Int.max
      /// Batches that were read and not removed, and how many there may be.
      var handed: Set<Int64> = []
      var handedCountMax = 0
    }

    init(_ faults: Shared<Faults>) { self.faults = faults }

    private let failure = LogError(.spoolFailed, "a test", isRetryable: true)

    var producer: ProducerID { backlog.producer }
    var totals: BacklogTotals { backlog.totals }
    var streams: [StreamName] { backlog.streams }
    var oldestID: Int64? { backlog.oldestID }

    func store(_ batches: [EncodedBatch], removing answered: [Int64]) throws(LogError) -> [Int64] {
      faults.change { $0.storeCount += 1 }
      if faults.value.isFull { throw failure }
      if batches.count + answered.count > faults.value.changeCountMax
        || faults.value.changeCountMax < .max && backlog.totals.batchCount > 3 && answered.isEmpty
      {
        throw failure
      }
      faults.change { $0.handed.subtract(answered) }
      defer { faults.change { $0.byteCount = backlog.totals.byteCount } }
      return try backlog.store(batches, removing: answered)
    }

    func window(of stream: StreamName, after id: Int64) throws(LogError) -> [BacklogBatch] {
      if faults.value.windowCount > 0 {
        faults.change { $0.windowCount -= 1 }
        throw failure
      }
      let batches = try backlog.window(of: stream, after: id)
      faults.change { faults in
        faults.handed.formUnion(batches.map(\.id))
        faults.handedCountMax = max(faults.handedCountMax, faults.handed.count)
      }
      return batches
    }

    func dropOldest(keeping byteCountMax: Int) throws(LogError) -> [DroppedEntries] {
      try backlog.dropOldest(keeping: byteCountMax)
    }

    func drop(acceptedBefore time: Int64) throws(LogError) -> [DroppedEntries] { [] }

    func bookmarks() throws(LogError) -> [String: ByteString] { try backlog.bookmarks() }
    func note(_ bookmarks: [SourceBookmark]) throws(LogError) { try backlog.note(bookmarks) }
    func close() {}
  }

  private func producer(
    _ client: LogClient, _ faults: Shared<MoodyBacklog.Faults>,
    _ configure: (inout LogProducerConfiguration) -> Void = { _ in }
  ) throws -> LogProducer {
    var configuration = LogProducerConfiguration()
    configuration.spool = SpoolConfiguration(directory: "a test's")
    configure(&configuration)
    return try LogProducer(client, stream: web, configuration: configuration) { _ in MoodyBacklog(faults) }
  }

  @Test func `a window that could not be read is read again`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let faults = Shared(MoodyBacklog.Faults(windowCount: 1))
    let producer = try producer(client, faults)
    #expect(try await producer.append(entries(1...1)).sequences == 1...1)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a submission that waits for the disk can be cancelled`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let faults = Shared(MoodyBacklog.Faults(isFull: true))
    let producer = try producer(client, faults)
    let waiting = Task { try await producer.submit(entries(1...1)) }
    await faults.until { $0.storeCount > 0 }
    waiting.cancel()
    await #expect { try await waiting.value } throws: {
      guard let error = $0 as? LogError else { return false }
      return error.code == .cancelled && error.mayHaveTakenEffect
    }
    // It is still kept.
    #expect(producer.counts.waiting == 1)
    await producer.shutdown(deadline: .zero)
    #expect(producer.counts.dropped == 1)
    await client.shutdown(deadline: .zero)
  }

  @Test func `the windows of many streams are not in memory at once, and each stream gets its turn`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let faults = Shared(MoodyBacklog.Faults())
    let producer = try producer(client, faults) {
      $0.handedByteCountMax = 64 << 10
      $0.batchEntryCountMax = 1
    }
    let names = (0..<200).map { StreamName(checked: "stream/\($0)") }
    for number in 1...20 {
      for name in names { producer.log(LogEntry(message: ByteString("\(number)")), to: name) }
      _ = try await producer.submit(entries(number...number), to: names[0])
    }
    #expect(producer.counts.waiting == 20 * 201)
    // Each has a little over 1 KiB; a window has 32 of them.
    #expect(faults.value.handedCountMax <= 64 + 32)
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(300)))
    for name in names.dropFirst() {
      let numbers = try await server.onLoop { $0.streams[name]?.entries.map(\.number) ?? [] }
      #expect(numbers.elementsEqual(1...20))
    }
    #expect(producer.counts.acknowledged == 20 * 201)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `if the oldest make room, windows that may not be dropped are bounded as well`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let producer = try producer(client, Shared(MoodyBacklog.Faults())) {
      $0.spool?.byteCountMax = 1 << 20
      $0.queueByteCountMax = 256 << 10
      $0.whenFull = .dropOldest
      $0.batchEntryCountMax = 1
    }
    let names = (0..<500).map { StreamName(checked: "stream/\($0)") }
    // 500 windows of 32 batches of 256 bytes at least.
    for number in 1...32 {
      for name in names { producer.log(LogEntry(message: ByteString("\(number)")), to: name) }
      // Entries logged earlier have been processed.
      #expect(await !producer.flush(timeout: .zero))
    }
    let counts = producer.counts
    #expect(counts.dropped > 0 && counts.dropped + counts.waiting == 32 * 500)
    #expect(counts.waitingByteCount < 2 << 20)
    await producer.shutdown(deadline: .zero)
    await client.shutdown(deadline: .zero)
  }

  @Test func `a nearly full disk takes in small portions what it cannot take at once`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try producer(client, Shared(MoodyBacklog.Faults(changeCountMax: 1))) { $0.batchEntryCountMax = 1 }
    for number in 1...9 { producer.log(.info, "\(number)") }
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...9).map(String.init))
    #expect(producer.counts.acknowledged == 9)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test(arguments: [LogProducerConfiguration.WhenFull.wait, .dropNewest, .dropOldest])
  func `a submission to a full spool waits, fails or makes room, as configured`(
    whenFull: LogProducerConfiguration.WhenFull
  ) async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let faults = Shared(MoodyBacklog.Faults())
    let producer = try producer(client, faults) {
      $0.spool?.byteCountMax = 1 << 20
      $0.whenFull = whenFull
    }
    let handed = Shared(0)
    let filling = Task {
      var generator = SeededGenerator(seed: 1)
      for _ in 1...100 {
        let noise = (0..<(20 << 10)).map { _ in UInt8.random(in: 0...255, using: &generator) }
        _ = try await producer.submit([LogEntry(message: ByteString(noise))])
        handed.change { $0 += 1 }
      }
    }
    switch whenFull {
    case .wait:
      await faults.until { $0.byteCount >= 1 << 20 }
      filling.cancel()
      await #expect { try await filling.value } throws: { ($0 as? LogError)?.code == .cancelled }
    case .dropNewest: await #expect { try await filling.value } throws: { ($0 as? LogError)?.code == .queueFull }
    case .dropOldest: try await filling.value
    }
    #expect((50...100).contains(handed.value))
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(try await producer.append(entries(1...1)).entryCount == 1)
    #expect(await producer.flush(timeout: .seconds(300)))
    let counts = producer.counts
    #expect(counts.accepted == counts.acknowledged + counts.dropped && counts.waiting == 0)
    await producer.shutdown()
    await client.shutdown()
  }
}
