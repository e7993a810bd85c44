import LogsWire
import Testing

@testable import LogsClient

/// A producer with a spool, against an in-process server.
@Suite(.endsHangs) struct ProducerSpoolTests {
  private static let nobody = "logs://127.0.0.1:1"

  /// A message that hardly compresses.
  private func noise(_ number: Int, _ byteCount: Int, _ generator: inout SeededGenerator) -> LogEntry {
    var bytes = Array("\(number) ".utf8)
    while bytes.count < byteCount { bytes += String(generator.next(), radix: 36).utf8 }
    return LogEntry(message: ByteString(bytes))
  }

  private func isNotice(_ entry: LogEntry) -> Bool { DropNotice(entry) != nil }

  @Test func `entries accepted without a server are sent by the next producer, before its own`()
    async throws
  {
    let directory = try TestDirectory()
    let away = try LogClient(.test(Self.nobody))
    let first = try testProducer(away, spool: directory) { $0.batchEntryCountMax = 7 }
    _ = try await first.submit(entries(1...500))
    for number in 501...600 { first.log(LogEntry(message: ByteString("\(number)"))) }
    #expect(await !first.shutdown(deadline: .milliseconds(20)))
    #expect(first.counts.waiting == 600)
    #expect(first.counts.dropped == 0)
    await away.shutdown(deadline: .zero)

    let server = try await FakeServer.start { $0.faults.lostAckCount = 3 }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let second = try testProducer(client, spool: directory)
    let restored = second.counts.restored
    #expect(restored == 600 || restored == 0)
    #expect(try await second.append(entries(601...610)).sequences == 601...610)
    #expect(await second.flush(timeout: .seconds(300)))
    #expect(second.counts.restored == 600)
    #expect(second.counts.acknowledged == 610)
    #expect(second.counts.waitingByteCount == 0)
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...610).map(String.init))
    await second.shutdown()
    await client.shutdown()
  }

  @Test func `a flush of an unused producer waits for the batches in its spool`() async throws {
    let directory = try TestDirectory()
    let away = try LogClient(.test(Self.nobody))
    let first = try testProducer(away, spool: directory)
    _ = try await first.submit(entries(1...50))
    #expect(await !first.flush(timeout: .milliseconds(10)))
    await first.shutdown(deadline: .zero)
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let second = try testProducer(client, spool: directory)
    #expect(await second.flush(timeout: .seconds(300)))
    #expect(try await server.onLoop { $0.streams[web]?.head } == 50)
    await second.shutdown()
    await client.shutdown()
    await away.shutdown(deadline: .zero)
  }

  @Test func `one producer serves many streams, from one spool and under one identity`() async throws {
    let directory = try TestDirectory()
    let away = try LogClient(.test(Self.nobody))
    let first = try testProducer(away, spool: directory)
    let audit = StreamLogger(source: "audit", to: first.sink(for: "audit"))
    for number in 1...20 {
      first.log(.info, "\(number)", attributes: ["n": number])
      first.log(.info, "\(number)", to: StreamName(checked: "orders/\(number % 3)"))
      audit.info("\(number)")
    }
    #expect(await !first.shutdown(deadline: .milliseconds(20)))
    await away.shutdown(deadline: .zero)
    let report = try SpoolReport.inspect(directory.path)
    #expect(report.streams.map(\.stream.text).sorted() == ["audit", "orders/0", "orders/1", "orders/2", "web"])
    #expect(report.producer != nil && report.entryCount == 60)

    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let second = try testProducer(client, spool: directory)
    #expect(await second.flush(timeout: .seconds(300)))
    let streams = try await server.onLoop { $0.streams.mapValues(\.messages) }
    #expect(streams[web] == (1...20).map(String.init) && streams["audit"] == streams[web])
    #expect(streams["orders/1"] == [1, 4, 7, 10, 13, 16, 19].map(String.init))
    await second.shutdown()
    await client.shutdown()
  }

  @Test func `a second producer on a spool is refused`() async throws {
    let directory = try TestDirectory()
    let client = try LogClient(.test(Self.nobody))
    let first = try testProducer(client, spool: directory)
    #expect { _ = try testProducer(client, spool: directory) } throws: { ($0 as? LogError)?.code == .spoolInUse }
    await first.shutdown(deadline: .zero)
    let second = try testProducer(client, spool: directory)
    await second.shutdown(deadline: .zero)
    await client.shutdown(deadline: .zero)
  }

  @Test func `a full spool drops its oldest entries, except those that may have been sent, and says where`()
    async throws
  {
    let directory = try TestDirectory()
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client, spool: directory) {
      $0.whenFull = .dropOldest
      $0.batchEntryCountMax = 10
      $0.spool?.byteCountMax = 1 << 20
    }
    var generator = SeededGenerator(seed: testSeed())
    for first in stride(from: 1, through: 3_000, by: 10) {
      _ = try await producer.submit((first..<first + 10).map { noise($0, 1_000, &generator) })
    }
    #expect(producer.counts.dropped > 1_000)
    #expect(producer.counts.waitingByteCount <= 1 << 20)
    try await server.onLoop { $0.speak() }
    #expect(await producer.flush(timeout: .seconds(300)))
    let counts = producer.counts
    #expect(counts.acknowledged + counts.dropped == 3_000)
    // Each notice stands in the place of the missing entries that it reports.
    var next: UInt64 = 1
    for entry in try await server.onLoop({ $0.streams[web]?.entries ?? [] }) {
      if let notice = DropNotice(entry) {
        next += notice.entryCount
      } else {
        #expect(entry.number == next)
        next = entry.number + 1
      }
    }
    #expect(next == 3_001)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a full spool that drops nothing makes submissions wait, and continues when there is room`() async throws {
    let directory = try TestDirectory()
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let kept = Shared(BacklogTotals())
    let producer = try testProducer(client, spool: directory, kept: kept) {
      $0.whenFull = .wait
      $0.batchEntryCountMax = 10
      $0.queueByteCountMax = 64 << 10
      $0.spool?.byteCountMax = 1 << 20
    }
    let handed = Shared(0)
    let seed = testSeed()
    let feeding = Task {
      var generator = SeededGenerator(seed: seed)
      for first in stride(from: 1, through: 3_000, by: 10) {
        _ = try await producer.submit((first..<first + 10).map { noise($0, 1_000, &generator) })
        handed.change { $0 = first + 9 }
      }
    }
    // Nothing is acknowledged before the server speaks: what has been handed over by then is bounded by the spool and
    // the queue.
    await kept.until { $0.byteCount >= 1 << 20 }
    #expect(handed.value < 2_500)
    try await server.onLoop { $0.speak() }
    try await feeding.value
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(producer.counts.dropped == 0)
    #expect(try await server.onLoop { $0.streams[web]?.entries.map(\.number) ?? [] }.elementsEqual(1...3_000))
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `entries that have waited too long are dropped, except those that may have been sent`() async throws {
    let directory = try TestDirectory()
    let away = try LogClient(.test(Self.nobody))
    let first = try testProducer(away, spool: directory) { $0.batchEntryCountMax = 1 }
    _ = try await first.submit(entries(1...50))
    await first.shutdown(deadline: .zero)
    await away.shutdown(deadline: .zero)
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let second = try testProducer(client, spool: directory) { $0.spool?.ageMax = .nanoseconds(1) }
    #expect(await second.flush(timeout: .seconds(300)))
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.filter { !isNotice($0) }.map(\.number).elementsEqual(1...32))
    #expect(stored.compactMap { DropNotice($0) } == [DropNotice(entryCount: 18, reason: .tooOld)])
    #expect(second.counts.dropped == 18)
    #expect(second.counts.waiting == 0)
    await second.shutdown()
    await client.shutdown()
  }

  @Test func `damage to a spool is reported and counted, and the rest is sent`() async throws {
    let directory = try TestDirectory()
    let away = try LogClient(.test(Self.nobody))
    let first = try testProducer(away, spool: directory) { $0.batchEntryCountMax = 1 }
    _ = try await first.submit(entries(1...49) + [LogEntry(message: "needle")])
    await first.shutdown(deadline: .zero)
    await away.shutdown(deadline: .zero)
    var bytes = try #require(SpoolFiles.read("\(directory.path)/spool.db"))
    // A byte of a message, so that the row's check fails.
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: Array("needle".utf8)) })
    bytes[place] ^= 1
    try SpoolFiles.write(bytes, to: "\(directory.path)/spool.db")

    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let told = Shared<[String]>([])
    let second = try testProducer(client, spool: directory) {
      $0.onEvent = { event in if case .spoolDamaged(let text) = event { told.change { $0.append(text) } } }
    }
    #expect(await second.flush(timeout: .seconds(300)))
    #expect(told.value.count == 1 && told.value[0].contains("1 batch with 1 entry of stream web"), "\(told.value)")
    let counts = second.counts
    #expect(counts.restored == 50)
    #expect(counts.dropped == 1)
    #expect(counts.acknowledged == 49)
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.compactMap { DropNotice($0) } == [DropNotice(entryCount: 1, reason: .spoolDamaged)])
    await second.shutdown()
    await client.shutdown()
  }
}
